/**
 * The inside of a forward pass: hidden attention against its definition, over texts of several chunks and of one token. Residual
 * stream and routers are in `golden.test.ts`.
 */
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { PromptError } from "./errors.ts";
import { goldenParts, text } from "./testing/golden.ts";
import { type PlainConfig, type PlainScan, plainLogits } from "./testing/plain-model.ts";
import { randomModel } from "./testing/random-model.ts";

const TOLERANCE = 2e-5;

/** Sizes that divide nothing, and layers with Mamba alone, without, and beside an MLP and experts. */
const CONFIG: PlainConfig = {
  num_layers: 5,
  hidden_size: 19,
  state_size: 5,
  conv_dimension: 3,
  vocab_size: 61,
  expansion_factor: 2,
  mamba_moe_layers: ["r", "3", "r1", "r3", "r"],
  ffn_hidden_size: 24,
  bias: false,
  add_bias_linear: false,
  swiglu: true,
};

const ids = (tokens: number) => Array.from({ length: tokens }, (_, t) => (t * t * 7 + 3) % CONFIG.vocab_size);

/** α[t, s] of one channel, from the equation. */
function channelAttention({ dt, A, B, C }: PlainScan, d: number, t: number, s: number): number {
  let elapsed = 0;
  for (let k = s + 1; k <= t; k++) elapsed += Number(dt[k]?.[d]);
  let sum = 0;
  for (let n = 0; n < CONFIG.state_size; n++) {
    const decay = Math.exp(Number(A[d * CONFIG.state_size + n]) * elapsed);
    sum += Number(C[t]?.[n]) * decay * Number(dt[s]?.[d]) * Number(B[s]?.[n]);
  }
  return sum;
}

/** Each Mamba layer's [tokens × tokens]; checks on the way that they are the scan. */
function plainAttention(scan: PlainScan): Float64Array {
  const tokens = scan.dt.length;
  const inner = CONFIG.expansion_factor * CONFIG.hidden_size;
  const mean = new Float64Array(tokens * tokens);
  const y = new Float64Array(tokens * inner);
  for (let t = 0; t < tokens; t++) {
    for (let s = 0; s <= t; s++) {
      for (let d = 0; d < inner; d++) {
        const alpha = channelAttention(scan, d, t, s);
        mean[t * tokens + s] = Number(mean[t * tokens + s]) + alpha / (inner * CONFIG.state_size);
        y[t * inner + d] = Number(y[t * inner + d]) + alpha * Number(scan.u[s]?.[d]);
      }
    }
  }
  expectClose(y, scan.y.flat(), 1e-12, "of the scan's result");
  return mean;
}

describe.each(testDevices())("traces on $label", ({ open }) => {
  // A chunk, one of 256 and one token, which other kernels compute.
  test.each([1, 2, 70, 257])("hidden attention of %i tokens is what its definition says", async (tokens) => {
    const { parts, weights } = await randomModel(CONFIG, "f32");
    const expected = new Map<number, Float64Array>();
    plainLogits(CONFIG, weights, ids(tokens), (layer, scan) => expected.set(layer, plainAttention(scan)));
    const model = await BlackMamba.load(parts, { device: await open() });
    const { layers } = await model.trace(ids(tokens));
    expect(layers.map(({ kind }) => kind)).toEqual(CONFIG.mamba_moe_layers);
    expect(layers.map(({ description }) => description)).toEqual([
      ...["Mamba", "MoE, 3 experts", "Mamba ∥ MLP", "Mamba ∥ MoE, 3 experts", "Mamba"],
    ]);
    for (const [index, { kind, hiddenAttention, routes }] of layers.entries()) {
      expect(hiddenAttention !== undefined).toBe(kind.startsWith("r"));
      expect(routes !== undefined).toBe(kind.endsWith("3"));
      if (!hiddenAttention) continue;
      expectClose(hiddenAttention, expected.get(index) ?? [], TOLERANCE, `of layer ${index}`);
      const above = hiddenAttention.filter((_, i) => i % tokens > Math.floor(i / tokens));
      expect(above.every((value) => value === 0)).toBe(true);
    }
    await model.dispose();
  });

  test("one token more adds a row and changes none before", async () => {
    const model = await BlackMamba.load(await goldenParts("all-block-kinds"), { device: await open() });
    const [shorter, longer] = [await model.trace(text(40)), await model.trace(text(41))];
    for (const [index, { hiddenAttention }] of longer.layers.entries()) {
      const before = shorter.layers[index]?.hiddenAttention;
      expect(before === undefined).toBe(hiddenAttention === undefined);
      if (!before || !hiddenAttention) continue;
      const kept = hiddenAttention.filter((_, i) => i < 40 * 41 && i % 41 < 40);
      expectClose(kept, before, TOLERANCE, `of layer ${index}`);
      expect(hiddenAttention.subarray(40 * 41).some((value) => value !== 0)).toBe(true);
    }
    await model.dispose();
  });

  test("without hidden attention all else is the same", async () => {
    const device = await open();
    const model = await BlackMamba.load(await goldenParts("all-block-kinds"), { device });
    const [all, rest] = [await model.trace(text(20)), await model.trace(text(20), { hiddenAttention: false })];
    expect(rest).toEqual({ ...all, layers: all.layers.map((layer) => ({ ...layer, hiddenAttention: undefined })) });
    await model.dispose();
  });

  test("nothing stays allocated, also of a trace that fails", async () => {
    const device = await open();
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device });
    await model.trace(text(70));
    const before = device.allocatedByteLength;
    await model.trace(text(70));
    expect(device.allocatedByteLength).toBe(before);
    await expect(model.trace(text(30), { signal: AbortSignal.abort(new Error("no more")) })).rejects.toThrow("no more");
    await expect(model.trace([512])).rejects.toThrow(PromptError);
    // More numbers than an array has.
    await expect(model.trace(text(100_000))).rejects.toThrow(
      "hidden attention of layer 0: no memory for 100000 × 100000 numbers; trace a shorter text",
    );
    expect(device.allocatedByteLength).toBe(before);
    await model.dispose();
  });

  test("an abort ends it between two layers, and between two blocks of a matrix", async () => {
    const device = await open();
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device });
    await model.trace(text(150));
    // The embedding, the first layer, its three blocks, the next layer, …
    for (const last of [1, 3, 6]) {
      const controller = new AbortController();
      const run = device.run;
      let runs = 0;
      device.run = (programs, options) => {
        runs += 1;
        if (runs === last) controller.abort(new Error("no more"));
        return run.call(device, programs, options);
      };
      await expect(model.trace(text(150), { signal: controller.signal })).rejects.toThrow("no more");
      device.run = run;
      expect(runs).toBe(last);
    }
    expect(await model.logits([1])).toHaveLength(512);
    await model.dispose();
  });
});
