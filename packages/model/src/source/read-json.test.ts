import { bytesSource } from "@blackmamba/checkpoint";
import { describe, expect, test } from "vitest";
import { ModelFileError, ModelFileLimitError } from "../errors.ts";
import { readJson, SMALL_JSON, TOKENIZER_JSON } from "./read-json.ts";

const encode = (text: string) => new TextEncoder().encode(text);

describe("readJson", () => {
  test("parses bytes, wherever they are, and leaves alone what is parsed", async () => {
    for (const from of [encode('{"a":1}'), encode('{"a":1}').buffer, new Blob(['{"a":1}']), { a: 1 }]) {
      expect(await readJson(from, "config.json")).toEqual({ a: 1 });
    }
  });

  test("reads what is just as large as it may be", async () => {
    const longest = `"${"x".repeat(SMALL_JSON.byteLength - 2)}"`;
    expect(await readJson(encode(longest), "config.json")).toHaveLength(SMALL_JSON.byteLength - 2);
    const deepest = "[".repeat(SMALL_JSON.depth) + "]".repeat(SMALL_JSON.depth);
    expect(await readJson(encode(deepest), "config.json")).toBeInstanceOf(Array);
    const fullest = `[${"1,".repeat(SMALL_JSON.values - 1)}1]`;
    expect(await readJson(encode(fullest), "config.json")).toHaveLength(SMALL_JSON.values);
  });

  test.each([SMALL_JSON, TOKENIZER_JSON])("does not even read a file of more bytes than %j", async (limits) => {
    const read = async () => {
      throw new Error("it was read");
    };
    const source = { name: "folder/file.json", byteLength: limits.byteLength + 1, read };
    const reading = readJson(source, "file.json", { limits });
    const error = await reading.then(
      () => undefined,
      (reason: ModelFileLimitError) => reason,
    );
    expect(error).toBeInstanceOf(ModelFileLimitError);
    expect(error?.code).toBe("ERR_MODEL_FILE_LIMIT");
    expect(error?.message).toBe(
      `folder/file.json: expected at most ${limits.byteLength} bytes, found ${limits.byteLength + 1}, which no model here has; ` +
        "download it again, or check that it is the right file",
    );
  });

  test.each([
    ["levels", "[".repeat(33), "at most 32 levels, found 33"],
    ["values", `[${"1,".repeat(1 << 16)}1]`, "at most 65536 values, found 65537"],
  ])("does not parse too many %s", async (_, text, message) => {
    const reading = readJson(bytesSource(encode(text), "config.json"), "");
    const error = await reading.then(
      () => undefined,
      (reason: ModelFileLimitError) => reason,
    );
    expect(error).toBeInstanceOf(ModelFileLimitError);
    expect(error?.message).toContain(`config.json: expected ${message}, which no model here has; `);
  });

  test.each([
    ["no JSON", encode("{")],
    ["no text", new Uint8Array([0xff, 0xfe])],
  ])("says that there is %s", async (_, bytes) => {
    const reading = readJson(bytes, "config.json");
    const error = await reading.then(
      () => undefined,
      (reason: ModelFileError) => reason,
    );
    expect(error).toBeInstanceOf(ModelFileError);
    expect(error?.message).toMatch(
      /^config.json: expected JSON, found something else \(.*\); mend it, or download it again$/,
    );
  });
});
