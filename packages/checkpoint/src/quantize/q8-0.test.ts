import { f16ToF32 } from "@blackmamba/tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dequantizeQ8_0, quantizeQ8_0 } from "./q8-0.ts";

/** A block that starts with the given values and is zero after. */
function block(...values: number[]): Float32Array {
  const floats = new Float32Array(32);
  floats.set(values);
  return floats;
}

describe("quantizeQ8_0", () => {
  it("rounds ties away from zero, as C's roundf", () => {
    // The largest is 127, so the scale is 1 and values are rounded as they are.
    const { values, scales } = quantizeQ8_0(block(127, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49, -0.49, -127));
    expect([...values.subarray(0, 10)]).toEqual([127, 1, -1, 2, -2, 3, -3, 0, 0, -127]);
    expect(f16ToF32(scales[0] ?? 0)).toBe(1);
  });

  it("makes values with the scale before it is rounded to float16", () => {
    // 1.499 steps of 0.001 / 127; of the float16 that is stored, which is smaller, they would be 1.5002.
    const { values, scales } = quantizeQ8_0(block(0.001, 1.180314939119853e-5));
    expect([values[0], values[1]]).toEqual([127, 1]);
    expect(f16ToF32(scales[0] ?? 0)).toBe(7.867813110351562e-6);
  });

  it("gives what another program written from ggml's reference gives", () => {
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
    const { values, scales } = quantizeQ8_0(Float32Array.from(weights));
    expect([...values]).toEqual([
      68, 77, 4, -41, -58, 2, -54, -76, 11, 7, 29, -49, 0, -3, -80, 29, 17, 127, 11, -8, 66, 11, 48, -19, 12, 54, 37, 7,
      -58, 24, 4, 38,
    ]);
    expect(scales[0]).toBe(0xe2a);
  });

  it("gives each block a scale of its own", () => {
    const { values, scales } = quantizeQ8_0(Float32Array.from([...block(127), ...block(-254), ...block()]));
    expect([...scales].map(f16ToF32)).toEqual([1, 2, 0]);
    expect([values[0], values[32], values[64]]).toEqual([127, -127, 0]);
  });

  it("stays in range for the smallest numbers there are", () => {
    const { values, scales } = quantizeQ8_0(block(1e-45, -1e-44, 1e-39));
    expect(scales[0]).toBe(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(127);
  });

  it("errs by at most half a step and what float16 rounds off", () => {
    const value = fc.float({ noNaN: true, min: -1000, max: 1000 });
    const property = fc.property(fc.array(value, { minLength: 32, maxLength: 32 }), (values) => {
      const floats = Float32Array.from(values);
      const back = dequantizeQ8_0(quantizeQ8_0(floats));
      const step = Math.max(...floats.map(Math.abs)) / 127;
      for (const [index, original] of floats.entries()) {
        const error = Math.abs(original - (back[index] ?? Number.NaN));
        expect(error).toBeLessThanOrEqual(step * (0.5 + 1e-3) + 127 * Math.max(step * 2 ** -11, 2 ** -25));
      }
    });
    fc.assert(property, { seed: 8, numRuns: 300 });
  });

  it.each([
    ["31 values", new Float32Array(31), "multiple of 32"],
    ["NaN", block(1, Number.NaN), "NaN"],
    ["NaN before a number", block(Number.NaN, 1), "NaN"],
    ["infinity", block(Number.POSITIVE_INFINITY), "Infinity"],
    ["a scale beyond float16", block(9e6), "9000000"],
  ])("refuses %s", (_, values, words) => {
    expect(() => quantizeQ8_0(values)).toThrow(words);
  });
});
