/**
 * Text from a model, token by token: feeds each chosen id back in, and turns ids into text as it becomes certain.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import { OptionError } from "../errors.ts";
import type { ModelState } from "../model-state.ts";
import { createSampler, type SamplingOptions } from "./sampling.ts";

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to generate. Default 200. */
  readonly maxTokens?: number | undefined;
  /** Ends the generation: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One generated token. */
export interface GeneratedToken {
  readonly id: number;
  /**
   * The text that became certain with this token; empty where it ends within a character. Joined together these are the
   * text of all ids, less half a character that the last ones may have left.
   */
  readonly text: string;
}

/** What generation needs of a model. */
export interface GenerateInputs {
  readonly state: ModelState;
  readonly promptIds: ArrayLike<number>;
  readonly tokenizer: Tokenizer | undefined;
}

/** A few paragraphs. */
const DEFAULT_MAX_TOKENS = 200;

/** Continues the prompt until `maxTokens` or the tokenizer's end token, which is not itself part of the result. */
export async function* generateTokens(
  { state, promptIds, tokenizer }: GenerateInputs,
  { maxTokens = DEFAULT_MAX_TOKENS, signal, ...sampling }: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const sampler = createSampler(sampling);
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new OptionError("maxTokens", "a whole number of at least 0", maxTokens);
  }
  const stream = tokenizer?.stream();
  // Ids whose text is not yet certain wait for the next that has some, or for the end: the last then has the rest.
  let waiting: number[] = [];
  let ids: ArrayLike<number> = promptIds;
  for (let step = 0; step < maxTokens; step++) {
    signal?.throwIfAborted();
    const id = sampler(await state.advance(ids, { signal }), step);
    signal?.throwIfAborted();
    if (id === tokenizer?.endTokenId) break;
    ids = [id];
    const text = stream?.push(id);
    waiting.push(id);
    if (text === "") continue;
    yield* tokensOf(waiting, text ?? "");
    waiting = [];
  }
  // Half a character is no text.
  yield* tokensOf(waiting, stream?.flush().replace(/\uFFFD+$/, "") ?? "");
}

/** The ids, the last of them with the text of all. */
function tokensOf(ids: readonly number[], text: string): GeneratedToken[] {
  return ids.map((id, i) => ({ id, text: i === ids.length - 1 ? text : "" }));
}
