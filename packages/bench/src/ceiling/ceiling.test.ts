import { testDevices, testKernel } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { type CopyWordsOperands, copyWords, WORDS_PER_WORKGROUP } from "./copy-words.ts";
import { type FmaChainsOperands, fmaChains } from "./fma-chains.ts";
import { measureCeiling } from "./measure-ceiling.ts";

testKernel<CopyWordsOperands, Record<never, never>>(copyWords, [
  {
    name: "copies every word",
    operands: async (make) => ({
      out: await make.poison([2 * WORDS_PER_WORKGROUP], "u32"),
      x: await make.of(
        Array.from({ length: 2 * WORDS_PER_WORKGROUP }, (_, i) => i),
        [2 * WORDS_PER_WORKGROUP],
        "u32",
      ),
    }),
    params: {},
    outputs: ["out"],
    tolerance: 0,
  },
]);

testKernel<FmaChainsOperands, { readonly rounds: number }>(fmaChains, [
  {
    name: "worked out by hand: one round makes Σ (0.75 (x + j) + x)",
    operands: async (make) => ({ out: await make.poison([2]), x: await make.of([0, 2], [2]) }),
    params: { rounds: 1 },
    outputs: ["out"],
    expected: [[0.75 * 66, 0.75 * (66 + 24) + 24]],
  },
  {
    name: "many rounds, and threads that divide nothing",
    operands: async (make) => ({ out: await make.poison([301]), x: await make.random([301]) }),
    params: { rounds: 37 },
    outputs: ["out"],
  },
]);

describe.each(testDevices())("the ceiling of $label", ({ open }) => {
  test("is measured, as often as was asked for, and frees what it took", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const { copyBytesPerSecond, flopsPerSecond } = await measureCeiling(device, { runs: 2 });
    for (const summary of [copyBytesPerSecond, flopsPerSecond]) {
      expect(summary.runs).toHaveLength(2);
      expect(summary.median).toBeGreaterThan(0);
    }
    expect(device.allocatedByteLength).toBe(before);
  });

  test("can be aborted", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(measureCeiling(await open(), { signal })).rejects.toThrow("enough");
  });
});
