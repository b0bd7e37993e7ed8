import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { copyWords, WORDS_PER_WORKGROUP } from "./ceiling/copy-words.ts";
import { kernelBench, runKernelBench } from "./kernel-bench.ts";
import { weightBytes } from "./weight-bytes.ts";

const bench = kernelBench("copy-words", [
  {
    name: "one call",
    record: (program, make) =>
      program.call(
        copyWords,
        { out: make.zeros([WORDS_PER_WORKGROUP], "u32"), x: make.zeros([WORDS_PER_WORKGROUP], "u32") },
        {},
      ),
    byteLength: WORDS_PER_WORKGROUP * 8,
    flops: 0,
  },
  {
    name: "a use of two calls",
    record(program, make) {
      const [out, x] = [0, 1].map(() => make.zeros([WORDS_PER_WORKGROUP], "u32"));
      program.call(copyWords, { out, x }, {});
      program.call(copyWords, { out: x, x: out }, {});
    },
    byteLength: WORDS_PER_WORKGROUP * 16,
    flops: 0,
  },
]);

describe.each(testDevices())("the bench of a kernel on $label", ({ open }) => {
  test("times each case, and frees what it took", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const seen: string[] = [];
    const results = await runKernelBench(device, bench, { runs: 3, onResult: ({ name }) => seen.push(name) });
    expect(seen).toEqual(["one call", "a use of two calls"]);
    for (const { kernel, durationUs, bytesPerSecond, flopsPerSecond } of results) {
      expect(kernel).toBe("copy-words");
      expect(durationUs.runs).toHaveLength(3);
      expect(bytesPerSecond).toBeGreaterThan(0);
      expect(flopsPerSecond).toBe(0);
    }
    expect(device.allocatedByteLength).toBe(before);
  });

  test("takes only what the filter lets through", async () => {
    const filter = (title: string) => title === "copy-words: a use of two calls";
    expect(await runKernelBench(await open(), bench, { runs: 1, filter })).toHaveLength(1);
  });
});

test("bytes of a weight count scales, not padding", () => {
  expect(weightBytes("bf16", [3, 5])).toBe(30);
  expect(weightBytes("q8_0", [3, 32])).toBe(96 + 6);
  expect(weightBytes("q4_0", [3, 32])).toBe(48 + 6);
});
