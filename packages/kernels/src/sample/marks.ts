/**
 * What a sampler knows of each id of a sequence: how often it was chosen, whether the prompt has it, and whether it ends the text. One
 * word each.
 */

/** A mark's count: of how often the id was chosen. */
export const COUNT_MASK = 0x3fffffff;
/** Set for ids that the prompt has. */
export const IN_PROMPT = 0x40000000;
/** Set for ids that end the text. */
export const ENDS_TEXT = 0x80000000;

/**
 * The least logit that adjusting makes, by which no id is chosen unless all have it; a bias as low as this bans an id, whatever its logit
 * and the penalties. Finite, as shaders may take it that there are no infinities, and finite still when divided by the least temperature;
 * divided by the largest it is far below all noise.
 */
export const IMPOSSIBLE = Math.fround(-1e18);

/** u32 [vocab]: the marks of a text that has come so far. */
export function marksOf(
  { prompt, chosen, ends }: { prompt: ArrayLike<number>; chosen: ArrayLike<number>; ends: Iterable<number> },
  vocab: number,
): Uint32Array<ArrayBuffer> {
  const marks = new Uint32Array(vocab);
  for (let i = 0; i < prompt.length; i++) marks[prompt[i]] |= IN_PROMPT;
  for (let i = 0; i < chosen.length; i++) marks[chosen[i]] += 1;
  // An id beyond the vocabulary cannot come.
  for (const id of ends) if (id < vocab) marks[id] |= ENDS_TEXT;
  return marks;
}

/** f32 [vocab]: what is added to the logits of these ids; −∞ bans one. */
export function biasOf(
  biases: Iterable<readonly [id: number, bias: number]>,
  vocab: number,
): Float32Array<ArrayBuffer> {
  const bias = new Float32Array(vocab);
  for (const [id, value] of biases) bias[id] = Math.max(value, IMPOSSIBLE);
  return bias;
}
