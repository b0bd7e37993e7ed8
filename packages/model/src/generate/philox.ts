/**
 * Random numbers from a seed and a counter: Philox 2×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). Nothing is carried from one number to the next, so any device can make the n-th alone.
 */

const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;

/**
 * The n-th number of a seed's sequence.
 *
 * @param seed - 0 to 2^32 − 1
 * @param counter - 0 to 2^53 − 1
 * @returns uniform in [0, 1), a multiple of 2^-53
 */
export function uniform(seed: number, counter: number): number {
  const [high, low] = philox(counter >>> 0, Math.floor(counter / 2 ** 32) >>> 0, seed >>> 0);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** The Philox 2×32-10 block: two words from a counter of two words and a key. */
export function philox(counter0: number, counter1: number, key: number): [number, number] {
  let [x0, x1, k] = [counter0 >>> 0, counter1 >>> 0, key >>> 0];
  for (let round = 0; round < 10; round++) {
    [x0, x1] = [(multiplyHigh(MULTIPLIER, x0) ^ k ^ x1) >>> 0, Math.imul(MULTIPLIER, x0) >>> 0];
    k = (k + WEYL) >>> 0;
  }
  return [x0, x1];
}

/** The upper 32 bits of a product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle % 0x10000);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}
