/** What a request of either endpoint is for the rest of the server: prompts as ids, and how their texts are made. */
import { ApiError } from "../errors.ts";
import type { RequestLimits } from "../limits.ts";
import type { ServedTokenizer, TextOptions } from "../served-model.ts";

/** What a text begins with. */
export interface Prompt {
  readonly ids: readonly number[];
  /** How many of the ids at the beginning were not asked for: the start token, where the model's prompts have one. */
  readonly addedIds: number;
}

/** Texts to make. */
export interface TextRequest {
  readonly prompts: readonly Prompt[];
  /** Texts of each prompt. */
  readonly n: number;
  readonly options: TextOptions;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** What requests are read for. */
export interface RequestContext {
  readonly tokenizer: ServedTokenizer;
  /** Ids that the model has. */
  readonly vocab: number;
  readonly limits: RequestLimits;
}

/**
 * Twice what prose has. The server does nothing else while it encodes a text, and how long that takes depends on its length: as many as
 * belong to 16,384 tokens take half a second, or of a text that was made for it two.
 */
const CHARACTERS_PER_TOKEN = 8;

/** A text as a prompt: with the start token in front where the model's prompts have one, unless the text begins with it. */
export function encodePrompt(param: string, text: string, { tokenizer, limits }: RequestContext): Prompt {
  const mostCharacters = limits.promptTokens * CHARACTERS_PER_TOKEN;
  if (text.length > mostCharacters) {
    const message = `${param}: expected at most ${mostCharacters} characters, found ${text.length}; shorten it`;
    throw new ApiError("context_length_exceeded", message, { status: 400, param });
  }
  const ids = encode(param, text, tokenizer);
  const { addBosToken, bosTokenId } = tokenizer;
  const added = addBosToken && bosTokenId !== undefined && ids[0] !== bosTokenId ? [bosTokenId] : [];
  return checkPrompt(param, { ids: [...added, ...ids], addedIds: added.length }, limits);
}

/** Refuses a prompt of nothing, or of too much. */
export function checkPrompt(param: string, prompt: Prompt, limits: RequestLimits): Prompt {
  const { length } = prompt.ids;
  if (length > 0 && length <= limits.promptTokens) return prompt;
  const message = `${param}: expected 1 to ${limits.promptTokens} tokens, found ${length}; shorten it`;
  throw new ApiError(length > 0 ? "context_length_exceeded" : "invalid_value", message, { status: 400, param });
}

/** Refuses more texts than one request may ask for. */
export function checkChoices(prompts: number, n: number, limits: RequestLimits): void {
  if (prompts * n <= limits.choices) return;
  const message = `n: expected at most ${limits.choices} texts of one request, found ${prompts} prompts times ${n}; send several requests`;
  throw new ApiError("invalid_value", message, { status: 400, param: "n" });
}

function encode(param: string, text: string, tokenizer: ServedTokenizer): number[] {
  try {
    return tokenizer.encode(text);
  } catch (cause) {
    // The tokenizer's own limits, or a text that it has no token for.
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${param}: expected a text that the model's tokenizer takes, found that it does not: ${reason}`;
    throw new ApiError("invalid_value", message, { status: 400, param, cause });
  }
}
