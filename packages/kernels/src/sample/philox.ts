/**
 * Random numbers from a seed and a counter: Philox 2×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). Nothing is carried from one number to the next, so any device can make the n-th alone. The same in WGSL:
 * `noise.wgsl.ts`.
 */

export const PHILOX_MULTIPLIER = 0xd256d193;
export const PHILOX_WEYL = 0x9e3779b9;
export const PHILOX_ROUNDS = 10;

/**
 * The Philox 2×32-10 block: two words from a counter of two words and a key.
 *
 * @param words - where the two words go: a vocabulary asks for thousands of blocks for every token
 */
export function philox(counter0: number, counter1: number, key: number, words: Uint32Array): void {
  let x0 = counter0;
  let x1 = counter1;
  let k = key;
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const high = multiplyHigh(PHILOX_MULTIPLIER, x0 >>> 0);
    const low = Math.imul(PHILOX_MULTIPLIER, x0);
    x0 = high ^ k ^ x1;
    x1 = low;
    k = (k + PHILOX_WEYL) | 0;
  }
  words[0] = x0;
  words[1] = x1;
}

/** The upper 32 bits of a product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const a1 = a >>> 16;
  const a0 = a & 0xffff;
  const b1 = b >>> 16;
  const b0 = b & 0xffff;
  // Neither sum reaches 2^32.
  const middle = (Math.imul(a1, b0) >>> 0) + (Math.imul(a0, b0) >>> 16);
  const carry = (Math.imul(a0, b1) >>> 0) + (middle & 0xffff);
  return (Math.imul(a1, b1) + (middle >>> 16) + (carry >>> 16)) >>> 0;
}
