/**
 * What a cut is made of, and how fine masses are: what the shader, the reference and its twin agree on.
 */

/** Words of a cut: the key and the id of the last that top-k and top-p leave, and the bits of the largest logit. */
export const CUT_WIDTH = 3;

/** Where each word of a cut is. */
export const CUT = { key: 0, id: 1, largest: 2 } as const;

/**
 * Bits of half a mass: masses have twice as many, and the sums of both halves over a whole vocabulary stay below 2^32.
 */
export function massHalfBits(vocab: number): number {
  return Math.min(16, 32 - Math.ceil(Math.log2(vocab)));
}

/** The mass of the likeliest id. */
export function massUnit(vocab: number): number {
  return 2 ** (2 * massHalfBits(vocab) - 1);
}
