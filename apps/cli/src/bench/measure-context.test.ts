import { BlackMamba, createCpuDevice, createWebGpuDevice } from "@blackmamba/model";
import { expect, inject, test } from "vitest";
import { measureContext } from "./measure-context.ts";
import type { StageProgress } from "./measure-options.ts";
import { PRESETS } from "./presets.ts";
import { randomWeights } from "./random-weights.ts";

/** The storyteller's first two layers, and narrow. */
const CONFIG = {
  ...PRESETS.storyteller,
  ...{ num_layers: 2, mamba_moe_layers: ["r", "8"], hidden_size: 32, ffn_hidden_size: 32, vocab_size: 64 },
};

const kinds = inject("devices" as never) as readonly ("cpu" | "webgpu")[];

async function openModel(kind: "cpu" | "webgpu") {
  const device = kind === "cpu" ? createCpuDevice() : await createWebGpuDevice();
  const makeWeight = randomWeights({ dtype: "f32", quantize: undefined, seed: 0 });
  return { device, model: await BlackMamba.create({ config: CONFIG, makeWeight, device }) };
}

test.each(kinds)("on %s: the context is consumed once, by the chunk, and then both take turns", async (kind) => {
  const { device, model } = await openModel(kind);
  const [stages, progress]: [string[], StageProgress[]] = [[], []];
  const options = {
    ...{ model, runs: 3, signal: new AbortController().signal },
    onStage: (stage: string) => stages.push(stage),
    onProgress: (each: StageProgress) => progress.push(each),
  };
  // Records what decode and prompts of this length need.
  await measureContext(options, 1200, 1);
  // Nothing stays allocated.
  const before = device.allocatedByteLength;
  stages.length = progress.length = 0;
  const report = await measureContext(options, 1200, 4);
  expect(device.allocatedByteLength).toBe(before);
  expect(report).toMatchObject({ tokens: 1200, shortTokens: 10, decodeTokens: 4 });
  const { shortUsPerToken, longUsPerToken, ratio } = report.wall;
  expect([shortUsPerToken.runs.length, longUsPerToken.runs.length]).toEqual([3, 3]);
  expect(ratio).toBe(longUsPerToken.median / shortUsPerToken.median);
  // The processor's clock is the wall's.
  if (kind === "cpu") expect(report.device).toBeUndefined();
  else expect(report.device?.ratio).toBeGreaterThan(0);
  expect(stages).toEqual(["1,200 tokens of context", "decode after 10 and after 1,200 tokens, in turn"]);
  const context = progress.filter(({ unit }) => unit === "tokens");
  expect(context.map(({ done }) => done)).toEqual(chunkEnds(1200, model.prefillChunk));
  expect(progress.at(-1)).toEqual({ done: 4, total: 4, unit: "runs" });
  await model.dispose();
  await device.dispose();
});

function chunkEnds(tokens: number, chunk: number): number[] {
  return Array.from({ length: Math.ceil(tokens / chunk) }, (_, index) => Math.min((index + 1) * chunk, tokens));
}

test("an abort ends it within the context", async () => {
  const { device, model } = await openModel("cpu");
  const stop = new AbortController();
  const reason = new Error("enough");
  const measuring = measureContext(
    {
      ...{ model, runs: 1, signal: stop.signal, onStage: () => {} },
      onProgress: () => stop.abort(reason),
    },
    100_000,
    4,
  );
  await expect(measuring).rejects.toBe(reason);
  await model.dispose();
  expect(device.allocatedByteLength).toBe(0);
  await device.dispose();
});
