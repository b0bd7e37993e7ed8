import { BlackMamba, createCpuDevice } from "@blackmamba/model";
import { expect, test } from "vitest";
import { PRESET_PARAMETERS, PRESETS } from "./presets.ts";
import { randomWeights } from "./random-weights.ts";

test("a model of random weights stays finite, takes all experts, another from token to token, and has its preset's size", async () => {
  const device = createCpuDevice();
  const makeWeight = randomWeights({ dtype: "bf16", quantize: "q8_0", seed: 0 });
  const model = await BlackMamba.create({ config: PRESETS.storyteller, makeWeight, device });
  for (const part of ["total", "active"] as const) {
    expect(Math.abs(model.parameters[part] / PRESET_PARAMETERS.storyteller[part] - 1)).toBeLessThan(0.03);
  }

  const tokens = 256;
  const ids = Array.from({ length: tokens }, (_, index) => (index * 7919) % 8192);
  const { layers } = await model.trace(ids, { hiddenAttention: false });
  for (const { hidden } of layers) expect(hidden.every(Number.isFinite)).toBe(true);
  const experts = layers.flatMap(({ routes }) => (routes ? [[...routes.experts]] : []));
  expect(experts).toHaveLength(6);
  for (const layer of experts) {
    const counts = Array.from({ length: 8 }, (_, expert) => layer.filter((own) => own === expert).length);
    // 32 of 256 would be even.
    expect(Math.min(...counts)).toBeGreaterThan(4);
    expect(Math.max(...counts)).toBeLessThan(96);
    expect(layer.filter((own, token) => own !== layer[token - 1]).length).toBeGreaterThan(tokens / 2);
  }

  // Greedily, as decoding is measured: no token for ever, and no end.
  const chosen: number[] = [];
  for await (const { id } of model.generate([1], { maxTokens: 64 })) chosen.push(id);
  expect(chosen).toHaveLength(64);
  expect(new Set(chosen).size).toBeGreaterThan(16);
  await model.dispose();
  await device.dispose();
});

test("the same seed makes the same weights, another other ones", async () => {
  const device = createCpuDevice();
  const logits = async (seed: number) => {
    const makeWeight = randomWeights({ dtype: "f32", quantize: undefined, seed });
    const model = await BlackMamba.create({ config: PRESETS.storyteller, makeWeight, device });
    const result = await model.logits([5]);
    await model.dispose();
    return result;
  };
  expect(await logits(1)).toEqual(await logits(1));
  expect(await logits(1)).not.toEqual(await logits(2));
  await device.dispose();
});
