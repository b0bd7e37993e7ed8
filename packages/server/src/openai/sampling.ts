/**
 * How a text is made: the parameters that both endpoints have, and what they are for the batcher. Names, ranges and defaults are
 * OpenAI's; those that OpenAI does not have are named as in vLLM.
 */
import { InvalidParameterError, UnsupportedParameterError } from "../errors.ts";
import type { RequestLimits } from "../limits.ts";
import type { TextOptions } from "../served-model.ts";
import { isInteger, isObject, type Parameters } from "./parameters.ts";

/** As OpenAI has it, for one token's alternatives. */
export const MAX_LOGPROBS = 20;

/** Seeds of the model's sampler have 32 bits; OpenAI's are any whole number. */
const SEEDS = 2 ** 32;

/** Not 0, which the sampler refuses, and so little that the likeliest token alone reaches it. */
const LEAST_TOP_P = 1e-9;

/** Reads how the next token is chosen, and what ends a text but for its length. */
export function readSampling(parameters: Parameters, limits: RequestLimits, vocab: number): TextOptions {
  const seed = parameters.integer("seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const topP = parameters.number("top_p", { from: 0, to: 1 });
  // -1, and 0, are vLLM's way to say: among all.
  const topK = parameters.integer("top_k", -1, Number.MAX_SAFE_INTEGER);
  return {
    temperature: parameters.number("temperature", { from: 0, to: 2 }) ?? 1,
    topP: topP === undefined ? undefined : Math.max(topP, LEAST_TOP_P),
    topK: topK !== undefined && topK > 0 ? topK : undefined,
    minP: parameters.number("min_p", { from: 0, to: 1 }),
    typicalP: parameters.number("typical_p", { above: 0, to: 1 }),
    repetitionPenalty: parameters.number("repetition_penalty", { above: 0, to: 10 }),
    frequencyPenalty: parameters.number("frequency_penalty", { from: -2, to: 2 }),
    presencePenalty: parameters.number("presence_penalty", { from: -2, to: 2 }),
    logitBias: readLogitBias(parameters, vocab),
    seed: seed === undefined ? undefined : ((seed % SEEDS) + SEEDS) % SEEDS,
    stop: parameters.texts("stop", limits.stops),
    stopIds: parameters.ids("stop_token_ids", vocab, limits.stops),
  };
}

/** Reads how many tokens come, by any of these names; the first goes before the others. */
export function readLengths(
  parameters: Parameters,
  names: readonly string[],
  least: number,
  limits: RequestLimits,
): Pick<TextOptions, "maxTokens" | "minTokens"> {
  const [maxTokens] = names
    .map((name) => parameters.integer(name, least, limits.maxTokens))
    .filter((value) => value !== undefined);
  const minTokens = parameters.integer("min_tokens", 0, maxTokens ?? limits.maxTokens);
  return { maxTokens, minTokens };
}

/** Reads whether tokens come as they are made, and whether their number is told then. */
export function readStreaming(parameters: Parameters): { readonly stream: boolean; readonly includeUsage: boolean } {
  const stream = parameters.boolean("stream") ?? false;
  const options = parameters.object("stream_options");
  if (options && !stream) {
    throw new InvalidParameterError("stream_options", `to be left out where "stream" is not true`, {});
  }
  const includeUsage = options?.boolean("include_usage") ?? false;
  // OpenAI pads chunks against listeners; it is allowed to be turned off, and is off here.
  if (options?.boolean("include_obfuscation") === true) {
    throw new UnsupportedParameterError("stream_options.include_obfuscation", "chunks are sent as they are here");
  }
  options?.assertAllKnown();
  return { stream, includeUsage };
}

/** What OpenAI keeps about a request, or uses to share out its machines: it changes no text, and is not looked at. */
const WITHOUT_EFFECT = ["user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key"];

export function ignoreWithoutEffect(parameters: Parameters): void {
  for (const name of WITHOUT_EFFECT) parameters.value(name);
}

/** Refuses parameters that cannot be heed, unless they ask for nothing. `neutral` are the values that do. */
export function refuseUnsupported(
  parameters: Parameters,
  unsupported: Readonly<Record<string, { readonly neutral: readonly unknown[]; readonly cure: string }>>,
): void {
  for (const [name, { neutral, cure }] of Object.entries(unsupported)) {
    const value = parameters.value(name);
    if (value === undefined || neutral.some((each) => isSame(each, value))) continue;
    throw new UnsupportedParameterError(name, cure);
  }
}

/** Only for what is neutral: flat, and small. */
function isSame(neutral: unknown, value: unknown): boolean {
  if (Array.isArray(neutral)) {
    return Array.isArray(value) && value.length === neutral.length && neutral.every((each, at) => each === value[at]);
  }
  if (!isObject(neutral) || !isObject(value)) return neutral === value;
  const keys = Object.keys(value);
  return keys.length === Object.keys(neutral).length && keys.every((key) => neutral[key] === value[key]);
}

/** OpenAI's: ids as texts, and what is added to their logits. */
function readLogitBias(parameters: Parameters, vocab: number): Readonly<Record<number, number>> | undefined {
  const biases = parameters.object("logit_bias")?.entries();
  if (!biases || biases.length === 0) return undefined;
  for (const [key, bias] of biases) {
    if (!/^\d{1,9}$/.test(key) || !isInteger(Number(key), 0, vocab - 1)) {
      throw new InvalidParameterError("logit_bias", `ids from 0 to ${vocab - 1} as its keys`, key);
    }
    if (typeof bias === "number" && bias >= -100 && bias <= 100) continue;
    throw new InvalidParameterError(`logit_bias.${key}`, "a number from -100 to 100", bias);
  }
  return Object.fromEntries(biases) as Record<number, number>;
}
