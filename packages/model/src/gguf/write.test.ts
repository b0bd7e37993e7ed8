/**
 * Models written as GGUF files give what they gave before, bit for bit.
 */
import { openGguf, toByteSource } from "@blackmamba/checkpoint";
import { readFixture, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "../blackmamba.ts";
import { convertWeights } from "../convert-weights.ts";
import { OptionError } from "../errors.ts";
import type { ModelParts } from "../source/open-model.ts";
import { GOLDEN_NAMES, goldenParts, text } from "../testing/golden.ts";
import { memorySink } from "../testing/memory-sink.ts";

async function written(parts: ModelParts, quantize?: "q8_0" | "q4_0"): Promise<Blob> {
  const sink = memorySink();
  await convertWeights(parts, sink, { format: "gguf", quantize });
  expect(sink.state()).toBe("closed");
  return sink.blob();
}

async function mambaParts(): Promise<ModelParts> {
  const file = (name: string) => readFixture(`golden/mamba-hf-sharded/${name}`);
  const weights = await Promise.all([1, 2, 3].map((i) => file(`model-0000${i}-of-00003.safetensors`)));
  return { config: await file("config.json"), weights };
}

describe.each(testDevices())("written as GGUF, on $label", ({ open }) => {
  test.each(
    GOLDEN_NAMES.flatMap((name) =>
      [undefined, "q8_0" as const, "q4_0" as const].map((quantize) => ({ name, quantize })),
    ),
  )("$name, quantize $quantize", async ({ name, quantize }) => {
    const device = await open();
    const parts = await goldenParts(name);
    const original = await BlackMamba.load(parts, { device, quantize });
    const gguf = await BlackMamba.load({ weights: await written(parts, quantize) }, { device });
    const ids = text(20);
    expect(await gguf.logits(ids)).toEqual(await original.logits(ids));
    expect(gguf.config.layers).toEqual(original.config.layers);
    await original.dispose();
    await gguf.dispose();
  });

  test("a plain Mamba", async () => {
    const device = await open();
    const original = await BlackMamba.load(await mambaParts(), { device });
    const gguf = await BlackMamba.load({ weights: await written(await mambaParts()) }, { device });
    expect(await gguf.logits([1, 2, 300])).toEqual(await original.logits([1, 2, 300]));
    await original.dispose();
    await gguf.dispose();
  });
});

test("names, types and metadata are llama.cpp's", async () => {
  const { values, tensors } = await openGguf(toByteSource(await written(await goldenParts("blackmamba"))));
  expect(values.get("general.architecture")).toBe("blackmamba");
  expect(values.get("blackmamba.expert_used_count")).toBe(1);
  const lengths = values.get("blackmamba.feed_forward_length") as Uint32Array;
  expect(lengths).toHaveLength(values.get("blackmamba.block_count") as number);
  expect([...lengths.slice(0, 2)].map((length) => length > 0)).toEqual([false, true]);
  const dtypes = (pattern: RegExp) =>
    new Set([...tensors.values()].filter(({ name }) => pattern.test(name)).map(({ dtype }) => dtype));
  expect(dtypes(/norm|bias|ssm_a|ssm_d$|conv1d/)).toEqual(new Set(["f32"]));
  expect(dtypes(/ssm_in.weight|exps.weight|token_embd/)).toEqual(new Set(["bf16"]));
  expect(tensors.get("blk.1.ffn_gate_exps.weight")?.shape).toEqual(tensors.get("blk.1.ffn_up_exps.weight")?.shape);

  const mamba = await openGguf(toByteSource(await written(await mambaParts())));
  expect(mamba.values.get("general.architecture")).toBe("mamba");
  expect(mamba.tensors.get("blk.0.ssm_conv1d.weight")?.shape).toEqual([128, 4]);
});

test("its tokenizer goes along", async () => {
  const vocab = Object.fromEntries([...Array.from("abcdefgh"), "ab"].map((token, id) => [token, id]));
  const tokenizer = {
    added_tokens: [{ id: 9, content: "<|endoftext|>", special: true }],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: [["a", "b"]] },
  };
  const tokenizerConfig = { eos_token: "<|endoftext|>", bos_token: "<|endoftext|>", add_bos_token: true };
  const parts = { ...(await goldenParts("blackmamba")), tokenizer, tokenizerConfig };
  const model = await BlackMamba.load({ weights: await written(parts) }, { device: "cpu" });
  expect(model.tokenizer?.encodePrompt("abcab")).toEqual([9, 8, 2, 8]);
  expect(model.tokenizer).toMatchObject({ endTokenId: 9, vocabSize: 512 });
  await model.dispose();
});

test("another format is refused by name", async () => {
  const sink = memorySink();
  const options = { format: "onnx" } as unknown as Parameters<typeof convertWeights>[2];
  await expect(convertWeights(await goldenParts("blackmamba"), sink, options)).rejects.toThrow(OptionError);
  expect(sink.state()).toBe("aborted");
});
