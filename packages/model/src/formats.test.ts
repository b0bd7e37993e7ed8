/**
 * Whatever format a checkpoint comes in, its logits are the same to the last bit.
 */
import { createCpuDevice } from "@blackmamba/tensor";
import { readFixture } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { type ConvertOptions, convertWeights } from "./convert-weights.ts";
import type { ModelParts } from "./source/open-model.ts";
import { GOLDEN_NAMES, goldenParts, text } from "./testing/golden.ts";
import { type MemorySink, memorySink } from "./testing/memory-sink.ts";

/** Within the smallest of the vocabularies. */
const ids = text(40).map((id) => id % 300);

async function logitsOf(parts: ModelParts): Promise<Float32Array> {
  const device = createCpuDevice();
  const model = await BlackMamba.load(parts, { device });
  const logits = await model.logits(ids);
  await model.dispose();
  await device.dispose();
  return logits;
}

/** As a user has it: files by name. */
async function converted(parts: ModelParts, options: ConvertOptions): Promise<Map<string, Blob>> {
  const sinks = new Map<string, MemorySink>();
  await convertWeights(
    parts,
    async (file) => {
      const sink = memorySink();
      sinks.set(file, sink);
      return sink;
    },
    options,
  );
  return new Map([...sinks].map(([file, sink]) => [file, sink.blob()]));
}

async function sharded(name: string): Promise<ModelParts> {
  const read = (file: string) => readFixture(`golden/${name}/${file}`);
  const weights = await Promise.all([1, 2, 3].map((i) => read(`model-0000${i}-of-00003.safetensors`)));
  return { config: await read("config.json"), weights, weightsIndex: await read("model.safetensors.index.json") };
}

const models = [
  ...GOLDEN_NAMES.map((name) => ({ name, open: () => goldenParts(name) })),
  { name: "mamba-hf-sharded", open: () => sharded("mamba-hf-sharded") },
];

describe.each(models)("the logits of $name are the same, bit for bit", ({ open }) => {
  test("from one safetensors file", async () => {
    const parts = await open();
    const files = await converted(parts, {});
    expect([...files.keys()]).toEqual(["model.safetensors"]);
    const [weights] = files.values();
    expect(await logitsOf({ config: parts.config, weights: weights as Blob })).toEqual(await logitsOf(parts));
  });

  test("from several safetensors files and their index", async () => {
    const parts = await open();
    const files = await converted(parts, { shardByteLength: 300_000 });
    const index = files.get("model.safetensors.index.json") as Blob;
    const shards = [...files].filter(([name]) => name.endsWith(".safetensors"));
    expect(shards.length).toBeGreaterThan(1);
    const weights = shards.map(([name, bytes]) => new File([bytes], name));
    expect(await logitsOf({ config: parts.config, weights, weightsIndex: index })).toEqual(await logitsOf(parts));
  });

  test.each(["f32", undefined] as const)("from a GGUF file, of type %s", async (dtype) => {
    const parts = await open();
    const [weights] = (await converted(parts, { format: "gguf", dtype })).values();
    expect(await logitsOf({ weights: weights as Blob })).toEqual(await logitsOf(parts));
  });
});
