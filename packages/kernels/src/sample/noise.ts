/**
 * Noise that turns the largest of scores into a draw: argmax(score + noise) has the distribution softmax(score), where the
 * noise of each id is an independent Gumbel number, −log(−log(u)) (the "Gumbel-max trick"; arXiv 1611.00712, section 2).
 * So a draw needs no sum over the vocabulary, and does not depend on the order in which ids are looked at.
 */

/**
 * Gumbel noise from a random word, between −3.2 and 23. The same in WGSL: `noise.wgsl.ts`.
 *
 * The uniform number is v = (word + ½) / 2^32, which is never 0 or 1. Large noise comes from small v, where floats are
 * densest: so that −log(1 − v) keeps its digits there it is a log1p.
 */
export function gumbel(word: number): number {
  const exponential =
    word < 0x80000000 ? -Math.log1p(-(word + 0.5) / 2 ** 32) : -Math.log((0xffffffff - word + 0.5) / 2 ** 32);
  return -Math.log(exponential);
}
