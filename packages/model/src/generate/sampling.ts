/**
 * Options of sampling, and the choice of a token from logits.
 */
import { NumericError, OptionError } from "../errors.ts";
import { uniform } from "./philox.ts";

/** How the next token is chosen. */
export interface SamplingOptions {
  /**
   * Divides the logits: below 1 sharper, above 1 flatter; 0 takes the likeliest token. Default 0, or 1 where `topK`,
   * `topP` or `seed` is given.
   */
  readonly temperature?: number | undefined;
  /** Choose among the k likeliest tokens only. Default all. */
  readonly topK?: number | undefined;
  /** Choose among the likeliest tokens whose probabilities first reach p together (arXiv 1904.09751). Default 1: all. */
  readonly topP?: number | undefined;
  /** 0 to 2^32 − 1: the same seed gives the same text on the same device. Default random. */
  readonly seed?: number | undefined;
}

/** Chooses the next id. `step` counts the tokens chosen so far. */
export type Sampler = (logits: Float32Array, step: number) => number;

/**
 * A sampler for these options.
 *
 * @throws OptionError naming the option
 */
export function createSampler({ temperature, topK, topP = 1, seed }: SamplingOptions = {}): Sampler {
  const isAsked = topK !== undefined || topP !== 1 || seed !== undefined;
  const heat = temperature ?? (isAsked ? 1 : 0);
  check("temperature", heat, "a number of at least 0", Number.isFinite(heat) && heat >= 0);
  check("topK", topK, "a whole number of at least 1", topK === undefined || (Number.isInteger(topK) && topK >= 1));
  check("topP", topP, "a number above 0 and at most 1", topP > 0 && topP <= 1);
  const isSeed = seed === undefined || (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
  check("seed", seed, "a whole number from 0 to 4294967295", isSeed);

  if (heat === 0) return argmax;
  const key = seed ?? (crypto.getRandomValues(new Uint32Array(1))[0] as number);
  return (logits, step) => sample(logits, heat, topK ?? logits.length, topP, uniform(key, step));
}

/**
 * Index of the largest value, the first of equal ones.
 *
 * @throws NumericError for NaN, which would win or lose by its place alone
 */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) throw new NumericError(`the logit of id ${i} is NaN: are the weights damaged?`);
    if (value > (values[best] as number)) best = i;
  }
  return best;
}

/**
 * Draws from softmax(logits / temperature), cut to the `topK` likeliest tokens and then to the likeliest of these that
 * reach `topP`.
 *
 * @param random - uniform in [0, 1)
 */
export function sample(logits: Float32Array, temperature: number, topK: number, topP: number, random: number): number {
  const largest = logits[argmax(logits)] as number;
  // Ids are left in order unless a cut asks for the likeliest first: sorting a vocabulary takes longer than a small model.
  const isCut = topK < logits.length || topP < 1;
  const ids = isCut ? likeliest(logits, topK) : Uint32Array.from(logits, (_, id) => id);
  const weights = Float64Array.from(ids, (id) => Math.exp(((logits[id] as number) - largest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);

  let kept = ids.length;
  let keptTotal = total;
  if (topP < 1) {
    keptTotal = 0;
    for (kept = 0; kept < ids.length && keptTotal < topP * total; kept++) keptTotal += weights[kept] as number;
  }
  let left = random * keptTotal;
  for (let i = 0; i < kept; i++) {
    left -= weights[i] as number;
    if (left < 0) return ids[i] as number;
  }
  // Only rounding comes here: the last token that can be drawn at all.
  return ids[weights.subarray(0, kept).findLastIndex((weight) => weight > 0)] as number;
}

/** The ids of the `count` largest logits, largest first, lower id first among equals. */
function likeliest(logits: Float32Array, count: number): Uint32Array {
  const ids = Uint32Array.from(logits, (_, id) => id);
  ids.sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  return ids.subarray(0, count);
}

function check(option: string, found: unknown, expected: string, holds: boolean): void {
  if (!holds) throw new OptionError(option, expected, found);
}
