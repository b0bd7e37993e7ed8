/**
 * A prompt and options, checked and ready to be begun.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { RenewableModel } from "../device/renewable-model.ts";
import { NoTokenizerError, OptionError, PromptError } from "../errors.ts";
import { checkIds } from "../forward/check-ids.ts";
import { ModelState } from "../model-state.ts";
import { PrefixCache } from "../prefix-cache.ts";
import type { BatchTextInputs } from "./batch-text.ts";
import type { GenerateOptions } from "./generate.ts";
import { limitsOf } from "./limits.ts";
import { LogitWork } from "./processors.ts";
import { samplingOf } from "./sampling.ts";

/** What texts are prepared for. */
export interface PreparedModel {
  readonly renewable: RenewableModel;
  readonly tokenizer: Tokenizer | undefined;
  readonly vocab: number;
}

/** What options say, once for all texts that they are for. */
export type TextSettings = ReturnType<typeof checkOptions>;

/**
 * Checks options.
 *
 * @throws OptionError naming the option; NoTokenizerError for a stop string without a tokenizer
 */
export function checkOptions({ renewable, tokenizer, vocab }: PreparedModel, options: GenerateOptions) {
  const limits = limitsOf(options, tokenizer, vocab);
  if (options.cache !== undefined) {
    if (!(options.cache instanceof PrefixCache)) throw new OptionError("cache", "a prefix cache", typeof options.cache);
    options.cache.assertOf(renewable);
  }
  return {
    limits,
    samplingOf: samplingOf(options, limits, vocab),
    logitWork: new LogitWork(options),
    cache: options.cache,
    signal: options.signal,
  };
}

/**
 * A text that may be begun. A state is kept for it: whoever prepares a text has it end.
 *
 * @param index - of several texts with the same options: its seed is that much further on
 */
export async function prepareText(
  model: PreparedModel,
  prompt: string | ArrayLike<number>,
  { limits, samplingOf: sampling, logitWork, cache, signal }: TextSettings,
  { state, index = 0 }: { readonly state?: ModelState | undefined; readonly index?: number | undefined } = {},
): Promise<BatchTextInputs> {
  const held = state && (await ModelState.hold(model.renewable, state));
  try {
    const ids = promptIds(model, prompt, (held?.position ?? 0) > 0);
    const start = { state: held, cache };
    return { prompt: ids, start, sampling: sampling(index), logitWork, limits, signal };
  } catch (error) {
    held?.release();
    throw error;
  }
}

/**
 * The ids of a prompt.
 *
 * @param isContinued - it goes on from something: it may be empty, and does not begin a text
 */
function promptIds(
  { tokenizer, vocab }: PreparedModel,
  prompt: string | ArrayLike<number>,
  isContinued: boolean,
): ArrayLike<number> {
  const ids = typeof prompt === "string" ? encode(tokenizer, prompt, isContinued) : prompt;
  if (!(isContinued && ids.length === 0)) checkIds(ids, vocab);
  return ids;
}

function encode(tokenizer: Tokenizer | undefined, prompt: string, isContinued: boolean): number[] {
  if (!tokenizer) {
    throw new NoTokenizerError(
      "the model was loaded without a tokenizer: put its tokenizer.json beside the weights, or give the prompt as ids",
    );
  }
  if (isContinued) return tokenizer.encode(prompt);
  const ids = tokenizer.encodePrompt(prompt);
  if (ids.length > 0) return ids;
  // An empty prompt asks for a text from its beginning, which is what the start or end token stands for.
  const start = tokenizer.bosTokenId ?? tokenizer.endTokenId;
  if (start === undefined) throw new PromptError("the prompt is empty, and the tokenizer has no token to start from");
  return [start];
}

/** A count that an option gives. */
export function checkCount(option: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new OptionError(option, "a whole number of at least 1", value);
}
