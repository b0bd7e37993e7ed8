import { f16ToF32, f32ToF16 } from "@blackmamba/tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { QuantizedBlocks } from "./blocks.ts";
import { dequantizeQ4_0, quantizeQ4_0 } from "./q4-0.ts";

/** A block that starts with the given values and is zero after. */
function block(...values: number[]): Float32Array {
  const floats = new Float32Array(32);
  floats.set(values);
  return floats;
}

/** The stored values, 0 to 15, in the order of the elements. */
function stored({ values }: QuantizedBlocks): number[] {
  return [...values].flatMap((pair) => [pair & 15, pair >>> 4]);
}

/** As ggml's `quantize_row_q4_0_ref` reads, with its types: every step of C's float arithmetic is a float32 here. */
function ggmlBlock(x: Float32Array): { d: number; quants: number[] } {
  const float = new Float32Array(4);
  const [AMAX, MAX, D, ID] = [0, 1, 2, 3] as const;
  for (const v of x) {
    if ((float[AMAX] ?? 0) < Math.abs(v)) {
      float[AMAX] = Math.abs(v);
      float[MAX] = v;
    }
  }
  float[D] = (float[MAX] ?? 0) / -8;
  float[ID] = float[D] === 0 ? 0 : 1 / (float[D] ?? 0);
  const quants = [...x].map((v) => {
    const product = Float32Array.of(v * (float[ID] ?? 0));
    const shifted = Float32Array.of((product[0] ?? 0) + 8.5);
    return Math.min(15, Math.trunc(shifted[0] ?? 0));
  });
  return { d: f32ToF16(float[D] ?? 0), quants };
}

describe("quantizeQ4_0", () => {
  it("gives what is worked out by hand", () => {
    // The extreme is -8, so the scale is 1: values are rounded as they are, ties up, and 8 has no place above 7.
    const quantized = quantizeQ4_0(block(-8, -7.5, -1, -0.5, -0.51, 0, 0.49, 0.5, 1.5, 7.49, 7.5, 8));
    expect(stored(quantized).slice(0, 13)).toEqual([0, 1, 7, 8, 7, 8, 8, 9, 10, 15, 15, 15, 8]);
    expect([...quantized.scales].map(f16ToF32)).toEqual([1]);
    expect([...dequantizeQ4_0(quantized)].slice(0, 5)).toEqual([-8, -7, -1, 0, -1]);
  });

  it("puts the first value of a pair into the lower half of the byte", () => {
    expect([...quantizeQ4_0(block(-8, 1, 2, -3)).values.subarray(0, 3)]).toEqual([0x90, 0x5a, 0x88]);
  });

  it("has a negative scale where the extreme is positive, the first of equals", () => {
    const positive = quantizeQ4_0(block(1, 4, -4, -1));
    expect(positive.scales[0]).toBe(f32ToF16(-0.5));
    expect(stored(positive).slice(0, 4)).toEqual([6, 0, 15, 10]);
    expect([...dequantizeQ4_0(positive).subarray(0, 4)]).toEqual([1, 4, -3.5, -1]);
    const negative = quantizeQ4_0(block(1, -4, 4, -1));
    expect(negative.scales[0]).toBe(f32ToF16(0.5));
    expect(stored(negative).slice(0, 4)).toEqual([10, 0, 15, 6]);
  });

  it("gives what ggml's reference gives, compiled from C", () => {
    // Normally distributed with deviation 0.02, as weights are.
    const weights = [
      0.02576369419693947, 0.02898891270160675, 0.001326716155745089, -0.015290873125195503, -0.02184346504509449,
      0.0006266903365030885, -0.020442062988877296, -0.02873658947646618, 0.003986239433288574, 0.0026674920227378607,
      0.010929365642368793, -0.018279418349266052, 0.00010010567348217592, -0.0012948352377861738,
      -0.030116580426692963, 0.010759943164885044, 0.006414222065359354, 0.04778224229812622, 0.004059383645653725,
      -0.002894046250730753, 0.024655142799019814, 0.003975824918597937, 0.018180619925260544, -0.0073108854703605175,
      0.004363436251878738, 0.0204857736825943, 0.01392494048923254, 0.0025694449432194233, -0.021646160632371902,
      0.00890443567186594, 0.0015372696798294783, 0.014409352093935013,
    ];
    const quantized = quantizeQ4_0(Float32Array.from(weights));
    expect(stored(quantized)).toEqual([
      4, 3, 8, 11, 12, 8, 11, 13, 7, 8, 6, 11, 8, 8, 13, 6, 7, 0, 7, 8, 4, 7, 5, 9, 7, 5, 6, 8, 12, 7, 8, 6,
    ]);
    expect(quantized.scales[0]).toBe(0x9e1e);
  });

  it("gives what a plain transcript of ggml's loop gives, for any block", () => {
    const anyScale = fc.constantFrom(1e-7, 1e-3, 0.02, 1, 3000);
    const value = fc.oneof(fc.float({ noNaN: true, min: -100, max: 100 }), fc.integer({ min: -16, max: 16 }));
    const property = fc.property(anyScale, fc.array(value, { minLength: 64, maxLength: 64 }), (scale, values) => {
      const floats = Float32Array.from(values, (each) => each * scale);
      const quantized = quantizeQ4_0(floats);
      const expected = [ggmlBlock(floats.subarray(0, 32)), ggmlBlock(floats.subarray(32))];
      expect([...quantized.scales]).toEqual(expected.map(({ d }) => d));
      expect(stored(quantized)).toEqual(expected.flatMap(({ quants }) => quants));
    });
    fc.assert(property, { seed: 4, numRuns: 500 });
  });

  it("gives each block a scale of its own", () => {
    const quantized = quantizeQ4_0(Float32Array.from([...block(-8), ...block(16), ...block()]));
    expect([...quantized.scales].map(f16ToF32)).toEqual([1, -2, -0]);
    expect([...dequantizeQ4_0(quantized)].filter((value) => value !== 0)).toEqual([-8, 16]);
  });

  it("makes zeros of the smallest numbers there are", () => {
    const quantized = quantizeQ4_0(block(1e-45, -1e-44, 1e-39));
    expect(f16ToF32(quantized.scales[0] ?? 1)).toBe(-0);
    expect([...dequantizeQ4_0(quantized)].every((value) => Math.abs(value) === 0)).toBe(true);
  });

  it("errs by at most half a step, a whole one at the far end, and what float16 rounds off", () => {
    const value = fc.float({ noNaN: true, min: -1000, max: 1000 });
    const property = fc.property(fc.array(value, { minLength: 32, maxLength: 32 }), (values) => {
      const floats = Float32Array.from(values);
      const back = dequantizeQ4_0(quantizeQ4_0(floats));
      const extreme = floats.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
      const step = Math.abs(extreme) / 8;
      for (const [index, original] of floats.entries()) {
        // Opposite to the extreme there is no -8.
        const isFar = original * Math.sign(extreme) < -7 * step;
        const error = Math.abs(original - (back[index] ?? Number.NaN));
        expect(error).toBeLessThanOrEqual(
          step * (isFar ? 1 : 0.5) + step * 1e-5 + 8 * Math.max(step * 2 ** -11, 2 ** -25),
        );
      }
    });
    fc.assert(property, { seed: 8, numRuns: 300 });
  });

  it.each([
    ["31 values", new Float32Array(31), "multiple of 32"],
    ["NaN", block(1, Number.NaN), "NaN"],
    ["NaN before a number", block(Number.NaN, 1), "NaN"],
    ["infinity", block(Number.NEGATIVE_INFINITY), "Infinity"],
    ["a scale beyond float16", block(-6e5), "600000"],
  ])("refuses %s", (_, values, words) => {
    expect(() => quantizeQ4_0(values)).toThrow(words);
  });
});
