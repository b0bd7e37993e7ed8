/**
 * Comparing and making numbers in tests.
 */
import { expect } from "vitest";

/** ‖actual − expected‖ / ‖expected‖, or the numerator alone where the denominator is 0. NaN never passes a comparison. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (Number(actual[i]) - Number(expected[i])) ** 2;
    norm += Number(expected[i]) ** 2;
  }
  return Math.sqrt(norm > 0 ? difference / norm : difference);
}

/** Fails unless the relative error is at most `tolerance`. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "",
): void {
  expect(relativeError(actual, expected), `relative error ${what}`).toBeLessThanOrEqual(tolerance);
}

/** Index of the largest of each row's values. */
export function rowArgmax(values: Float32Array, width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) => {
    const own = values.subarray(row * width, (row + 1) * width);
    return own.indexOf(own.reduce((a, b) => Math.max(a, b)));
  });
}

/** Reproducible numbers, roughly normal with standard deviation 1; the same seed and count, the same numbers. */
export function randomNumbers(seed: number, count: number): Float32Array {
  // Mulberry32: four uniform numbers added are normal enough for a test.
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3));
}

/** Bytes in which each place can be told from any other. */
export function countingBytes(byteLength: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(byteLength / 4) }, (_, i) => i * 2654435761);
  return new Uint8Array(words.buffer).slice(0, byteLength);
}

/** Compares bytes: `toEqual` takes minutes for millions. */
export function expectBytes(found: Uint8Array | undefined, expected: Uint8Array): void {
  expect(found?.byteLength).toBe(expected.byteLength);
  let first = 0;
  while (first < expected.byteLength && expected[first] === found?.[first]) first++;
  expect(first, "index of the first byte that differs").toBe(expected.byteLength);
}
