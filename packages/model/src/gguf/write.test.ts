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
import { goldenGguf } from "../testing/golden-gguf.ts";
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

describe("a GGUF file again", () => {
  const others = {
    "general.alignment": [4, 32],
    "general.file_type": [4, 32],
    "general.name": [8, "golden"],
    // Numbers of types that nothing here reads: they go along as they are.
    "other.byte": [0, 7],
    "other.whole": [6, 10_000],
    "other.double": [12, 0.1],
  } as const;
  const source = async () => goldenGguf(await goldenParts("blackmamba"), "bf16", others);

  test("is the same model, with the same metadata to the last bit", async () => {
    const [before, after] = [await openGguf(toByteSource((await source()).weights as Uint8Array)), await writtenGguf()];
    const bytes = async (file: typeof before) =>
      new Map([...(await file.readEncodedValues())].map(([key, value]) => [key, value.bytes]));
    const expected = await bytes(before);
    // It is of the file, not of the model.
    expected.delete("general.alignment");
    expect(await bytes(after)).toEqual(expected);
    expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()]);
    for (const { name, dtype, read } of before.tensors.values()) {
      expect(after.tensors.get(name)?.dtype).toBe(dtype);
      expect(await after.tensors.get(name)?.read()).toEqual(await read());
    }

    async function writtenGguf() {
      return openGguf(toByteSource(await written(await source())));
    }
  });

  test.each(["q8_0", "q4_0"] as const)(
    "quantised to %s it is as when it is quantised while it loads",
    async (quantize) => {
      const blob = await written(await source(), quantize);
      const [now, ahead] = [
        await BlackMamba.load(await source(), { device: "cpu", quantize }),
        await BlackMamba.load({ weights: blob }, { device: "cpu" }),
      ];
      expect(await ahead.logits(text(12))).toEqual(await now.logits(text(12)));
      await now.dispose();
      await ahead.dispose();
      const { values } = await openGguf(toByteSource(blob));
      expect(values.get("general.file_type")).toBe(quantize === "q8_0" ? 7 : 2);
    },
  );

  test("in another float type its vectors stay in f32", async () => {
    const sink = memorySink();
    const { dtypes } = await convertWeights(await source(), sink, { format: "gguf", dtype: "f16" });
    expect(Object.keys(dtypes).sort()).toEqual(["f16", "f32"]);
  });

  test("is no safetensors file: it has no config.json, and A without its logarithm", async () => {
    await expect(convertWeights(await source(), memorySink())).rejects.toThrow(
      "expected a model with a config.json for a safetensors file to go with, found a GGUF file, which has none; convert it to the format gguf",
    );
  });
});
