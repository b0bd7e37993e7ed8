import {
  type CheckpointTensor,
  decodeTensor,
  openCheckpoint,
  tensorFromBytes,
  writeSafetensors,
} from "@blackmamba/checkpoint";
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "../blackmamba.ts";
import { convertWeights } from "../convert-weights.ts";
import { type ModelParts, openModel } from "../source/open-model.ts";
import { memorySink } from "../testing/memory-sink.ts";
import type { PlainConfig } from "../testing/plain-model.ts";
import { randomModel } from "../testing/random-model.ts";
import { quantizedWeights } from "./quantized-weights.ts";
import { weightTable } from "./weight-table.ts";

const config: PlainConfig = {
  num_layers: 4,
  hidden_size: 64,
  state_size: 8,
  conv_dimension: 4,
  vocab_size: 100,
  expansion_factor: 2,
  mamba_moe_layers: ["r", "3", "r1", "r3"],
  ffn_hidden_size: 96,
  bias: true,
  add_bias_linear: true,
  swiglu: true,
};

/** Names of the tensors that become `dtype`, less the numbers in them, and what the others are. */
async function quantizedNames(parts: ModelParts, dtype: "q8_0" | "q4_0") {
  const { config: parsed, checkpoint } = await openModel(parts);
  const { tensors } = quantizedWeights(checkpoint, weightTable(parsed), dtype);
  expect([...tensors.keys()]).toEqual([...checkpoint.tensors.keys()]);
  const all = [...tensors.values()];
  const shortened = ({ name }: CheckpointTensor) => name.replaceAll(/\.\d+/g, "").replace("decoder.layers.", "");
  const chosen = all.filter((tensor) => tensor.dtype === dtype);
  const others = all.filter((tensor) => tensor.dtype !== dtype);
  return {
    names: [...new Set(chosen.map(shortened))].sort(),
    otherDTypes: [...new Set(others.map((tensor) => tensor.dtype))],
  };
}

const LARGE = [
  "embedding.word_embeddings.weight",
  "mixer.in_proj.weight",
  "mixer.linear_fc1.weight",
  "mixer.linear_fc2.weight",
  "mixer.local_experts.linear_fc1.weight",
  "mixer.local_experts.linear_fc2.weight",
  "mixer.out_proj.weight",
  "mixer.x_proj.weight",
  "moe.linear_fc1.weight",
  "moe.linear_fc2.weight",
  "moe.local_experts.linear_fc1.weight",
  "moe.local_experts.linear_fc2.weight",
];

describe.each(["q8_0", "q4_0"] as const)("%s", (dtype) => {
  test.each(["f32", "f16", "bf16"] as const)("of %s: the large matrices, and nothing else", async (from) => {
    const { parts } = await randomModel({ ...config, mamba_moe_layers: ["r", "3", "r1", "1"] }, from);
    const { names, otherDTypes } = await quantizedNames(parts, dtype);
    expect(names).toEqual(LARGE.filter((name) => !name.startsWith("moe.local_experts")));
    expect(otherDTypes).toEqual([from]);
  });

  test("in the parallel layers too", async () => {
    const { parts } = await randomModel(config, "bf16");
    expect((await quantizedNames(parts, dtype)).names).toEqual(LARGE.filter((name) => !/^mixer\.linear/.test(name)));
  });

  test("rows that are no multiple of 32 stay as they are", async () => {
    const { parts } = await randomModel({ ...config, hidden_size: 80, ffn_hidden_size: 96 }, "bf16");
    // Rows of 160 are in x_proj and out_proj, rows of 96 in linear_fc2; all others are of 80.
    expect((await quantizedNames(parts, dtype)).names).toEqual(
      LARGE.filter((name) => /x_proj|out_proj|linear_fc2/.test(name) && !/^mixer\.linear/.test(name)),
    );
  });

  test("stacks whose parts would not be aligned stay as they are", async () => {
    // 33 × 96 / 32 blocks are odd; so many are fine in a matrix that is alone.
    const odd = {
      ...config,
      hidden_size: 96,
      ffn_hidden_size: 33,
      swiglu: false,
      mamba_moe_layers: ["3", "1", "3", "r"],
    };
    const { names } = await quantizedNames((await randomModel(odd, "bf16")).parts, dtype);
    expect(names).toContain("mixer.linear_fc1.weight");
    expect(names).not.toContain("mixer.local_experts.linear_fc1.weight");
  });
});

async function converted(parts: ModelParts, quantize: "q8_0" | "q4_0" | undefined) {
  const sink = memorySink();
  const result = await convertWeights(parts, sink, { quantize });
  return { result, parts: { ...parts, weights: sink.blob() } };
}

/** The same file with every tensor as float32. */
async function widen(file: Blob): Promise<Blob> {
  const { tensors } = await openCheckpoint(file);
  const widened = [];
  for (const tensor of tensors.values()) {
    const values = await decodeTensor(tensor);
    widened.push(tensorFromBytes({ ...tensor, dtype: "f32" }, new Uint8Array(values.buffer)));
  }
  const sink = memorySink();
  await writeSafetensors(widened, sink);
  return sink.blob();
}

const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 99, 0];

async function logitsOf(parts: ModelParts, options: Parameters<typeof BlackMamba.load>[1]) {
  const model = await BlackMamba.load(parts, options);
  const all = await model.logits(ids);
  // Single tokens go through other kernels.
  const state = model.createState();
  const last = await state.advance(ids.slice(0, 1));
  await state.dispose();
  await model.dispose();
  return [...all, ...last];
}

describe.each(testDevices())("on $label", ({ open }) => {
  test.each(["q8_0", "q4_0"] as const)("loading as %s and loading a converted file are the same", async (quantize) => {
    const { parts } = await randomModel(config, "bf16");
    const file = await converted(parts, quantize);
    expect(Object.keys(file.result.dtypes).sort()).toEqual(["bf16", quantize]);
    const device = await open();
    const loaded = await logitsOf(parts, { device, quantize });
    expect(loaded).toEqual(await logitsOf(file.parts, { device }));
    expect(loaded).not.toEqual(await logitsOf(parts, { device }));
    // What is quantised already stays so.
    expect(await logitsOf(file.parts, { device, quantize })).toEqual(loaded);
    expect(await logitsOf((await converted(file.parts, quantize)).parts, { device })).toEqual(loaded);
  });

  test.each(["q8_0", "q4_0"] as const)("the logits of %s are those of the numbers it stands for", async (quantize) => {
    const { parts } = await randomModel(config, "f32");
    const device = await open();
    const widened = { ...parts, weights: await widen((await converted(parts, quantize)).parts.weights) };
    expectClose(await logitsOf(parts, { device, quantize }), await logitsOf(widened, { device }), 1e-5);
  });

  test("q8_0 may become q4_0, and never the other way", async () => {
    const { parts } = await randomModel(config, "bf16");
    const [eight, four] = [await converted(parts, "q8_0"), await converted(parts, "q4_0")];
    const device = await open();
    const fromEight = await converted(eight.parts, "q4_0");
    expect(fromEight.result.dtypes).toEqual(four.result.dtypes);
    expect(await logitsOf(eight.parts, { device, quantize: "q4_0" })).toEqual(
      await logitsOf(fromEight.parts, { device }),
    );
    expect((await converted(four.parts, "q8_0")).result.dtypes).toEqual(four.result.dtypes);
  });
});

test("an unknown type is refused", async () => {
  const { parts } = await randomModel(config, "bf16");
  const message = 'option quantize: expected "q8_0" or "q4_0", found q5_1';
  const quantize = "q5_1" as "q4_0";
  await expect(BlackMamba.load(parts, { device: "cpu", quantize })).rejects.toThrow(message);
  const sink = memorySink();
  await expect(convertWeights(parts, sink, { quantize })).rejects.toThrow(message);
  expect(sink.state()).toBe("aborted");
});
