/**
 * Where a text ends.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import { NoTokenizerError, OptionError } from "../errors.ts";

/** Options that say where a text ends. */
export interface LimitOptions {
  /** Most tokens to generate. Default 200; 0 is none. */
  readonly maxTokens?: number | undefined;
  /** Least tokens to generate: before that the text does not end by the tokenizer's end token, nor by `stopIds`. Default 0. */
  readonly minTokens?: number | undefined;
  /**
   * Ends the text before the first of these that comes, also where it spans several tokens. Text that may be the beginning
   * of one is held back until that is known. Needs a tokenizer.
   */
  readonly stop?: string | readonly string[] | undefined;
  /** Ids that end the text and are no part of it, besides the tokenizer's end token. */
  readonly stopIds?: readonly number[] | undefined;
}

/** Where a text ends. */
export interface TextLimits {
  readonly maxTokens: number;
  readonly minTokens: number;
  readonly stops: readonly string[];
  /** Ids that end it. */
  readonly ends: ReadonlySet<number>;
}

/** A few paragraphs. */
const DEFAULT_MAX_TOKENS = 200;

/**
 * Where a text with these options ends.
 *
 * @throws OptionError naming the option; NoTokenizerError for a stop string without a tokenizer
 */
export function limitsOf(
  { maxTokens = DEFAULT_MAX_TOKENS, minTokens = 0, stop = [], stopIds = [] }: LimitOptions,
  tokenizer: Tokenizer | undefined,
  vocab = Number.POSITIVE_INFINITY,
): TextLimits {
  if (!isCount(maxTokens)) throw new OptionError("maxTokens", "a whole number of at least 0", maxTokens);
  if (!isCount(minTokens) || minTokens > maxTokens) {
    throw new OptionError("minTokens", `a whole number from 0 to maxTokens, ${maxTokens}`, minTokens);
  }
  const stops: readonly unknown[] = typeof stop === "string" ? [stop] : stop;
  for (const text of Array.isArray(stops) ? stops : [stops]) {
    if (typeof text === "string" && text !== "") continue;
    throw new OptionError("stop", "a text, or several, none of them empty", JSON.stringify(text));
  }
  if (stops.length > 0 && !tokenizer) {
    throw new NoTokenizerError(
      "option stop: the model was loaded without a tokenizer, so its ids have no text to look for",
    );
  }
  if (!Array.isArray(stopIds)) throw new OptionError("stopIds", "an array of ids", stopIds);
  for (const id of stopIds) {
    const expected = vocab === Number.POSITIVE_INFINITY ? "a whole number of at least 0" : `ids from 0 to ${vocab - 1}`;
    if (!isCount(id) || id >= vocab) throw new OptionError("stopIds", expected, id);
  }
  const end = tokenizer?.endTokenId;
  return {
    maxTokens,
    minTokens,
    stops: stops as readonly string[],
    ends: new Set(end === undefined ? stopIds : [end, ...stopIds]),
  };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
