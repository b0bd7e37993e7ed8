import { describe, expect, it } from "vitest";
import { openCheckpoint } from "./open-checkpoint.ts";
import { codedError } from "./testing/expect-error.ts";
import { goldenSource } from "./testing/golden.ts";
import { safetensorsFile } from "./testing/safetensors-bytes.ts";

describe("openCheckpoint", () => {
  it.each([
    ["pytorch_model.bin", "decoder.final_layernorm.weight"],
    ["golden.safetensors", "logits"],
  ])("recognises %s by its bytes", async (file, tensor) => {
    const checkpoint = await openCheckpoint(await goldenSource("blackmamba", file));
    expect(checkpoint.name).toBe(file);
    expect([...checkpoint.tensors.keys()]).toContain(tensor);
  });

  it("takes a Blob", async () => {
    const checkpoint = await openCheckpoint(new Blob([Uint8Array.from(safetensorsFile({}))]));
    expect(checkpoint.tensors.size).toBe(0);
  });

  const text = (value: string) => Uint8Array.from(value, (character) => character.charCodeAt(0));

  it.each([
    ["an empty file", "", "EMPTY_FILE", "0 bytes"],
    ["one byte", "x", "TRUNCATED", "1 bytes"],
    ["the length of a header alone", "\xe8\x03\x00\x00\x00\x00\x00\x00", "TRUNCATED", "8 bytes"],
    ["half a signature", "PK", "TRUNCATED", "2 bytes"],
    ["GGUF without an end", "GGUF\x03\x00\x00\x00", "TRUNCATED", "a header of"],
    ["a git-lfs pointer", "version https://git-lfs.github.com/spec/v1\noid", "UNKNOWN_FORMAT", "git lfs pull"],
    ["a web page", "<!DOCTYPE html><html>", "UNKNOWN_FORMAT", "web page"],
    ["an index", '{"weight_map": {}}', "UNKNOWN_FORMAT", "JSON"],
    ["gzip", "\x1f\x8b\x08\x00", "UNKNOWN_FORMAT", "gzip"],
    ["torch's old format", "\x80\x02\x8a\x0al\xfc\x9c", "LEGACY_TORCH", "weights_only=True"],
    ["an empty zip", `PK\x05\x06${"\x00".repeat(18)}`, "UNKNOWN_FORMAT", "no zip"],
    ["anything else", "\x01\x02\x03\x04\x05\x06\x07\x08\x09", "UNKNOWN_FORMAT", "01 02 03 04 05 06 07 08"],
  ])("refuses %s, naming what it is", async (_, content, code, words) => {
    const error = await codedError(openCheckpoint(text(content)));
    expect(error.code).toBe(`ERR_CHECKPOINT_${code}`);
    expect(error.message).toContain(words);
  });
});
