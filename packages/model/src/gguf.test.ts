/**
 * The golden checkpoints as GGUF files: the same logits, bit for bit.
 */
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { convertWeights } from "./convert-weights.ts";
import { describeModel } from "./describe.ts";
import { ModelConfigError } from "./errors.ts";
import { GOLDEN_NAMES, goldenParts, text } from "./testing/golden.ts";
import { goldenGguf } from "./testing/golden-gguf.ts";
import { memorySink } from "./testing/memory-sink.ts";

describe.each(testDevices())("GGUF on $label", ({ open }) => {
  test.each(GOLDEN_NAMES)("%s in F32 is as it was", async (name) => {
    const device = await open();
    const parts = await goldenParts(name);
    const [original, gguf] = [
      await BlackMamba.load(parts, { device }),
      await BlackMamba.load(await goldenGguf(parts, "f32"), { device }),
    ];
    const { layout: _, trainedLength: __, projectionBias: ___, layers, ...sizes } = original.config;
    expect(gguf.config).toMatchObject({ ...sizes, layout: "gguf", layers });
    expect(gguf.parameters).toEqual(original.parameters);
    const ids = text(40);
    expect(await gguf.logits(ids)).toEqual(await original.logits(ids));
    await original.dispose();
    await gguf.dispose();
  });

  test.each(["bf16", "q8_0"] as const)("blackmamba in %s is as it would be from its own file", async (dtype) => {
    const device = await open();
    const parts = await goldenParts("blackmamba");
    const quantize = dtype === "q8_0" ? dtype : undefined;
    const model = await BlackMamba.load(await goldenGguf(parts, dtype === "q8_0" ? "f32" : dtype), {
      device,
      quantize,
    });
    const other = await BlackMamba.load(parts, { device, quantize });
    const ids = text(12);
    const [found, expected] = [await model.logits(ids), await other.logits(ids)];
    expect(found).toEqual(expected);
    await model.dispose();
    await other.dispose();
  });
});

test("is described by what it holds", async () => {
  const description = await describeModel(await goldenGguf(await goldenParts("all-block-kinds"), "f32"));
  const original = await describeModel(await goldenParts("all-block-kinds"));
  expect(description.layers.map(({ kind, parameters }) => [kind, parameters])).toEqual(
    original.layers.map(({ kind, parameters }) => [kind, parameters]),
  );
  expect(description.weightsName).toBe("golden.gguf");
});

test("has a tokenizer within", async () => {
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz");
  const tokenizer = {
    "tokenizer.ggml.model": [8, "gpt2"],
    "tokenizer.ggml.tokens": [9, 8, [...letters, "ab", "<|endoftext|>"]],
    "tokenizer.ggml.token_type": [9, 5, [...letters.map(() => 1), 1, 3]],
    "tokenizer.ggml.merges": [9, 8, ["a b"]],
    "tokenizer.ggml.eos_token_id": [4, 27],
  } as const;
  const golden = await goldenParts("blackmamba");
  const model = await BlackMamba.load(await goldenGguf(golden, "bf16", tokenizer), { device: "cpu" });
  expect(model.tokenizer?.encode("abcab")).toEqual([26, 2, 26]);
  expect(model.tokenizer?.endTokenId).toBe(27);
  await model.dispose();
  const other = { ...tokenizer, "tokenizer.ggml.model": [8, "llama"] } as const;
  await expect(describeModel(await goldenGguf(golden, "bf16", other))).rejects.toThrow(
    'golden.gguf: tokenizer.ggml.model: expected "gpt2", found "llama"',
  );
});

test("is not converted, as nothing would be left to say what it is", async () => {
  const sink = memorySink();
  const gguf = await goldenGguf(await goldenParts("blackmamba"), "f32");
  await expect(convertWeights(gguf, sink)).rejects.toThrow("golden.gguf: expected a model with a config.json");
  expect(sink.state()).toBe("aborted");
});

test("what is no model of the family is refused", async () => {
  const { ggufFile } = await import("@blackmamba/testing");
  const describe = (values: Parameters<typeof ggufFile>[0]["values"]) =>
    describeModel({ weights: ggufFile({ ...(values && { values }) }) });
  await expect(describe({ "general.architecture": [8, "llama"] })).rejects.toThrow(ModelConfigError);
  await expect(describe({ "general.architecture": [8, "llama"] })).rejects.toThrow(
    'general.architecture: expected "mamba" or "blackmamba", found "llama"',
  );
  await expect(describe({})).rejects.toThrow("found none");
  await expect(describe({ "general.architecture": [8, "mamba"] })).rejects.toThrow(
    "weights: mamba: block_count: expected",
  );
  const mamba = { "general.architecture": [8, "mamba"] } as const;
  await expect(describe({ ...mamba, "mamba.block_count": [10, 2n ** 60n] })).rejects.toThrow(
    "found 1152921504606846976",
  );
  await expect(describe({ ...mamba, "mamba.block_count": [4, 2 ** 24] })).rejects.toThrow("1 to 4096, found 16777216");
  const bytes = Array.from({ length: 1000 }, () => 1);
  await expect(describe({ ...mamba, "mamba.block_count": [9, 0, bytes] })).rejects.toThrow(
    "found 1000 bytes of numbers",
  );
  const values = { ...mamba, "mamba.block_count": [4, 2] } as const;
  await expect(describe(values)).rejects.toThrow("layer 0: expected blk.0.ssm_in.weight");
});
