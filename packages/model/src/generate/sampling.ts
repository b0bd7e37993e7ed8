/**
 * Options of sampling, checked, and as the sampler on the device takes them.
 */
import {
  biasOf,
  encodeSettings,
  marksOf,
  NAN_FLAG,
  type SampleKind,
  type SampleSettings,
  sampleKind,
} from "@blackmamba/kernels";
import { NumericError, OptionError } from "../errors.ts";
import type { SequenceSampling } from "../forward/sequence.ts";
import type { TextLimits } from "./limits.ts";

/**
 * How the next token is chosen. What is asked for is done in this order, each with what the one before has left: logit bias, repetition
 * penalty, frequency and presence penalties, temperature, top-k, top-p, min-p, typical.
 */
export interface SamplingOptions {
  /**
   * Divides the logits: below 1 sharper, above 1 flatter; 0 takes the likeliest token. Default 0, or 1 where `topK`,
   * `topP`, `minP`, `typicalP` or `seed` is given.
   */
  readonly temperature?: number | undefined;
  /** Choose among the k likeliest tokens only. Default all. */
  readonly topK?: number | undefined;
  /** Choose among the likeliest tokens whose probabilities first reach p together (arXiv 1904.09751). Default 1: all. */
  readonly topP?: number | undefined;
  /** Choose among the tokens that are at least p times as likely as the likeliest (arXiv 2407.01082). Default 0: all. */
  readonly minP?: number | undefined;
  /**
   * Choose among the tokens that say as much as is to be expected, of which −log p is nearest to the entropy, until their probabilities
   * first reach p together (arXiv 2202.00666). Default 1: all.
   */
  readonly typicalP?: number | undefined;
  /**
   * Divides positive logits of tokens that the prompt or the text has, and multiplies negative ones (arXiv 1909.05858):
   * above 1 the text repeats itself less. Default 1: nothing.
   */
  readonly repetitionPenalty?: number | undefined;
  /** Takes so much off a token's logit for each time that the text, without the prompt, has it: −2 to 2. Default 0. */
  readonly frequencyPenalty?: number | undefined;
  /** Takes so much off the logit of each token that the text, without the prompt, has: −2 to 2. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** What is added to the logits of some ids: −100 makes one all but impossible, `-Infinity` altogether. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** 0 to 2^32 − 1: the same seed gives the same text on the same device. Default random. */
  readonly seed?: number | undefined;
}

/** A sampler for one sequence. */
export interface Sampling {
  readonly kind: SampleKind;
  /** What it starts with after these ids, the first of which are the prompt's. */
  of(place: { readonly ids: Uint32Array; readonly promptLength: number }): SequenceSampling;
}

/** Penalties as OpenAI's interface has them. */
const MAX_PENALTY = 2;

/**
 * The sampling that these options ask for; that of the n-th sequence of a batch has a seed of its own.
 *
 * @throws OptionError naming the option
 */
export function samplingOf(
  options: SamplingOptions,
  { minTokens, ends }: Pick<TextLimits, "minTokens" | "ends">,
  vocab: number,
): (index?: number) => Sampling {
  const { temperature, topK, topP = 1, minP = 0, typicalP = 1, seed } = options;
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0, logitBias = {} } = options;
  const isAsked = topK !== undefined || topP !== 1 || minP !== 0 || typicalP !== 1 || seed !== undefined;
  const heat = temperature ?? (isAsked ? 1 : 0);
  check("temperature", heat, "a number of at least 0", Number.isFinite(heat) && heat >= 0);
  check("topK", topK, "a whole number of at least 1", topK === undefined || (Number.isInteger(topK) && topK >= 1));
  check("topP", topP, "a number above 0 and at most 1", topP > 0 && topP <= 1);
  check("minP", minP, "a number from 0 to 1", minP >= 0 && minP <= 1);
  check("typicalP", typicalP, "a number above 0 and at most 1", typicalP > 0 && typicalP <= 1);
  const isPenalty = Number.isFinite(repetitionPenalty) && repetitionPenalty > 0;
  check("repetitionPenalty", repetitionPenalty, "a number above 0", isPenalty);
  for (const [name, value] of Object.entries({ frequencyPenalty, presencePenalty })) {
    check(name, value, `a number from ${-MAX_PENALTY} to ${MAX_PENALTY}`, Math.abs(value) <= MAX_PENALTY);
  }
  const isSeed = seed === undefined || (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
  check("seed", seed, "a whole number from 0 to 4294967295", isSeed);
  const biases = biasesOf(logitBias, vocab);

  const firstSeed = seed ?? (crypto.getRandomValues(new Uint32Array(1))[0] as number);
  const settings: SampleSettings = {
    seed: firstSeed,
    greedy: heat === 0,
    temperature: heat === 0 ? 1 : heat,
    topK: topK ?? Number.POSITIVE_INFINITY,
    topP,
    minP,
    typicalP,
    repetitionPenalty,
    frequencyPenalty,
    presencePenalty,
    minTokens: ends.size > 0 ? minTokens : 0,
    hasBias: biases.length > 0,
  };
  const kind = sampleKind(settings);
  const bias = biases.length > 0 ? biasOf(biases, vocab) : undefined;
  return (index = 0) => ({
    kind,
    of: ({ ids, promptLength }) => ({
      kind,
      settings: encodeSettings({ ...settings, seed: (firstSeed + index) % 2 ** 32 }),
      chosen: ids.length - promptLength,
      marks: kind.adjust
        ? marksOf({ prompt: ids.subarray(0, promptLength), chosen: ids.subarray(promptLength), ends: [...ends] }, vocab)
        : undefined,
      bias,
    }),
  });
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

/** The biases of ids, all in the vocabulary. */
function biasesOf(logitBias: unknown, vocab: number): [number, number][] {
  const isRecord = typeof logitBias === "object" && logitBias !== null && !Array.isArray(logitBias);
  check("logitBias", logitBias, "an object of ids and numbers", isRecord);
  return Object.entries(logitBias as object).map(([key, value]: [string, unknown]) => {
    const id = Number(key);
    check("logitBias", key, `ids from 0 to ${vocab - 1}`, /^\d+$/.test(key) && id < vocab);
    const isBias = typeof value === "number" && value < Number.POSITIVE_INFINITY;
    check("logitBias", `${String(value)} for id ${key}`, "finite numbers, or -Infinity", isBias);
    return [id, value as number];
  });
}

function check(option: string, found: unknown, expected: string, holds: boolean): void {
  if (!holds) throw new OptionError(option, expected, found);
}
