/**
 * What the shader and the reference of `random-words` have in common.
 */

/**
 * Sums of so many uniform whole numbers stand for a normal distribution; here the deviations of such sums.
 *
 * - `float`: four of 0 … 255, less 510: ±510
 * - `q8_0`: two of 0 … 127, less 127: ±127
 * - `q4_0`: two of 0 … 7, less 7: ±7
 */
export const SUM_DEVIATION = {
  float: Math.sqrt((4 * (256 ** 2 - 1)) / 12),
  q8_0: Math.sqrt((2 * (128 ** 2 - 1)) / 12),
  q4_0: Math.sqrt((2 * (8 ** 2 - 1)) / 12),
};

/** Hashes of a word's index begin here, so that the words of two seeds share none. */
export function seedHash(seed: number): number {
  return Math.imul(seed + 1, 0x9e3779b9) >>> 0;
}
