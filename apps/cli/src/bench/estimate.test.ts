import { expect, test } from "vitest";
import { estimateSeconds, requireMemory } from "./estimate.ts";

const summary = (value: number) => ({ median: value, min: value, max: value, runs: [value] });
const ceiling = { copyBytesPerSecond: summary(10e9), flopsPerSecond: summary(20e9) };
const work = {
  name: "1.5b",
  activeParameters: 0.3e9,
  byteLength: 2.9e9,
  activeByteLength: 0.6e9,
  decodedTokens: 100,
  promptTokens: 100,
};

test("a guess: bytes and operations by a share of the ceiling", () => {
  expect(estimateSeconds(work, ceiling)).toBeCloseTo((100 * 0.6) / 3 + (100 * 0.6) / 6);
});

test("hours are refused, with what would help", () => {
  expect(() => estimateSeconds({ ...work, promptTokens: 100_000 }, ceiling)).toThrow(
    /^1\.5b: expected a bench of at most an hour, found about 2\.8 on this machine's processor; use smaller --tokens, /,
  );
});

test("weights that leave the host no memory are refused", () => {
  requireMemory(work, 16e9);
  expect(() => requireMemory(work, 4e9)).toThrow(
    "1.5b: expected weights of at most 2.8 GB on this machine's processor, found 2.9 GB; use --quantize",
  );
});
