/**
 * out[i] = the i-th word of a tensor of pseudo-random elements: for f32 one element, for bf16 and f16 two, for q8_0 four, for
 * q4_0 eight, for scales two f16.
 *
 * Counter-based: a word is a hash of its index and the seed, so any part can be made by itself, in any order. Not for
 * secrets, and not a fine normal distribution: elements are sums of a few uniform numbers, zero-mean and bounded.
 */
import { type DType, defineKernel, ShapeError, type Tensor } from "@blackmamba/tensor";
import { randomWordsCpu } from "./random-words.cpu.ts";
import { randomWordsReference } from "./random-words.reference.ts";
import { randomWordsShader } from "./random-words.wgsl.ts";

/** Operands of {@link randomWords}. */
export type RandomWordsOperands = {
  /** u32 [words]: a tensor's storage, or a part of it, seen as words */
  readonly out: Tensor;
};

/** What the words hold. */
export type WordEncoding = Exclude<DType, "u32"> | "scales";

/** Parameters of {@link randomWords}. */
export type RandomWordsParams = {
  readonly encoding: WordEncoding;
  /** Another seed, other elements. */
  readonly seed: number;
  /** Index of the first word. Default 0. */
  readonly firstWord?: number;
  /** Mean of the elements; for quantised elements always 0 (q4_0: 8). Default 0. */
  readonly mean?: number;
  /** Standard deviation of the elements; for scales the mean of them; without meaning for quantised elements. Default 1. */
  readonly deviation?: number;
};

/** Fills words with pseudo-random elements. */
export const randomWords = defineKernel<RandomWordsOperands, RandomWordsParams>({
  name: "random-words",

  check({ out }) {
    if (out.dtype === "u32" && out.shape.length === 1 && out.offset === 0) return;
    throw new ShapeError(
      `random-words: operand out (${out.label}): expected u32 [words], found ${out.dtype} [${out.shape.join(", ")}]`,
    );
  },

  shader: randomWordsShader,
  reference: randomWordsReference,
  cpu: randomWordsCpu,
});
