/**
 * How a vocabulary is sliced.
 */

/**
 * Ids of a slice. The largest published vocabulary, 50,304, has 99: about as many workgroups as a large GPU has cores, and
 * few enough for a single one to find the best of them.
 */
export const SLICE = 512;

/** The number of slices of a vocabulary. */
export function sliceCount(vocab: number): number {
  return Math.ceil(vocab / SLICE);
}
