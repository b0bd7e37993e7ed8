/**
 * Options of sampling, checked, and as the sampler on the device takes them.
 */
import { encodeSettings, NAN_FLAG, type SampleKind, type SampleSettings, sampleKind } from "@blackmamba/kernels";
import { NumericError, OptionError } from "../errors.ts";

/**
 * How the next token is chosen. What is asked for is done in this order, each with what the one before has left: repetition
 * penalty, temperature, top-k, top-p, min-p.
 */
export interface SamplingOptions {
  /**
   * Divides the logits: below 1 sharper, above 1 flatter; 0 takes the likeliest token. Default 0, or 1 where `topK`,
   * `topP`, `minP` or `seed` is given.
   */
  readonly temperature?: number | undefined;
  /** Choose among the k likeliest tokens only. Default all. */
  readonly topK?: number | undefined;
  /** Choose among the likeliest tokens whose probabilities first reach p together (arXiv 1904.09751). Default 1: all. */
  readonly topP?: number | undefined;
  /** Choose among the tokens that are at least p times as likely as the likeliest (arXiv 2407.01082). Default 0: all. */
  readonly minP?: number | undefined;
  /**
   * Divides positive logits of tokens that the prompt or the text has, and multiplies negative ones (arXiv 1909.05858):
   * above 1 the text repeats itself less. Default 1: nothing.
   */
  readonly repetitionPenalty?: number | undefined;
  /** 0 to 2^32 − 1: the same seed gives the same text on the same device. Default random. */
  readonly seed?: number | undefined;
}

/** A sampler for one sequence: what it does, and with which numbers. */
export interface Sampling {
  readonly kind: SampleKind;
  readonly settings: Uint32Array<ArrayBuffer>;
}

/**
 * The sampling that these options ask for; that of the n-th sequence of a batch has a seed of its own.
 *
 * @throws OptionError naming the option
 */
export function samplingOf(options: SamplingOptions): (index?: number) => Sampling {
  const { temperature, topK, topP = 1, minP = 0, repetitionPenalty = 1, seed } = options;
  const isAsked = topK !== undefined || topP !== 1 || minP !== 0 || seed !== undefined;
  const heat = temperature ?? (isAsked ? 1 : 0);
  check("temperature", heat, "a number of at least 0", Number.isFinite(heat) && heat >= 0);
  check("topK", topK, "a whole number of at least 1", topK === undefined || (Number.isInteger(topK) && topK >= 1));
  check("topP", topP, "a number above 0 and at most 1", topP > 0 && topP <= 1);
  check("minP", minP, "a number from 0 to 1", minP >= 0 && minP <= 1);
  const isPenalty = Number.isFinite(repetitionPenalty) && repetitionPenalty > 0;
  check("repetitionPenalty", repetitionPenalty, "a number above 0", isPenalty);
  const isSeed = seed === undefined || (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
  check("seed", seed, "a whole number from 0 to 4294967295", isSeed);

  const firstSeed = seed ?? (crypto.getRandomValues(new Uint32Array(1))[0] as number);
  const numbers = { topK: topK ?? Number.POSITIVE_INFINITY, topP, minP, repetitionPenalty };
  const settings: SampleSettings = { seed: firstSeed, temperature: heat === 0 ? 1 : heat, ...numbers };
  const kind = sampleKind({ ...settings, greedy: heat === 0 });
  return (index = 0) => ({ kind, settings: encodeSettings({ ...settings, seed: (firstSeed + index) % 2 ** 32 }) });
}

/**
 * The id that a sampler chose.
 *
 * @throws NumericError where it found a logit that is no number
 */
export function checkChosen(chosen: number): number {
  if (chosen < NAN_FLAG) return chosen;
  throw new NumericError(`the logit of id ${chosen - NAN_FLAG} is NaN: are the weights damaged?`);
}

function check(option: string, found: unknown, expected: string, holds: boolean): void {
  if (!holds) throw new OptionError(option, expected, found);
}
