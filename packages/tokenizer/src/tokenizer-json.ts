/**
 * Reads `tokenizer.json`: checks what this package and the library beneath it rely on, so that a damaged file
 * is told by name here and does not fail as a `TypeError` there. Does not interpret it: the library does.
 */
import { TokenizerFileError } from "./errors.ts";
import { isObject, type JsonObject, jsonObject, kindOf } from "./json-input.ts";

/** A token that is matched in the text as a whole, before the model sees the rest. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
}

export interface TokenizerJson extends JsonObject {
  readonly added_tokens: readonly AddedToken[];
  readonly model: JsonObject;
}

/** The steps that a tokenizer may leave out. The library asks for the keys all the same. */
const OPTIONAL_STEPS = ["normalizer", "pre_tokenizer", "post_processor", "decoder"] as const;

/** The checked contents of `tokenizer.json`. */
export function readTokenizerJson(input: unknown): TokenizerJson {
  const json = jsonObject(input, (message, options) => new TokenizerFileError(message, options));
  const { model, added_tokens: addedTokens = [] } = json;
  if (!isObject(model)) {
    throw new TokenizerFileError(
      `expected "model" to be an object, found ${kindOf(model)}; is this another JSON file, such as config.json?`,
    );
  }
  checkVocabulary(model);
  if (!Array.isArray(addedTokens)) {
    throw new TokenizerFileError(`expected "added_tokens" to be an array, found ${kindOf(addedTokens)}`);
  }
  for (const [index, token] of addedTokens.entries()) checkAddedToken(token, index);

  const steps: Record<string, unknown> = {};
  for (const step of OPTIONAL_STEPS) {
    const value = json[step] ?? null;
    if (value !== null && !isObject(value)) {
      throw new TokenizerFileError(`expected "${step}" to be an object or null, found ${kindOf(value)}`);
    }
    steps[step] = value;
  }
  return { ...json, ...steps, model, added_tokens: addedTokens };
}

/** BPE and WordPiece: token → id. Unigram: a list of [token, score] in order of id. */
function checkVocabulary(model: JsonObject): void {
  const { type, vocab, merges } = model;
  if (Array.isArray(vocab)) {
    const wrong = vocab.findIndex((entry) => !Array.isArray(entry) || typeof entry[0] !== "string");
    if (wrong >= 0) {
      throw new TokenizerFileError(
        `expected model.vocab[${wrong}] to be [token, score], found ${kindOf(vocab[wrong])}`,
      );
    }
    return;
  }
  if (!isObject(vocab)) {
    throw new TokenizerFileError(`expected "model.vocab" to be an object or an array, found ${kindOf(vocab)}`);
  }
  for (const [token, id] of Object.entries(vocab)) {
    if (!isTokenId(id)) {
      throw new TokenizerFileError(
        `expected model.vocab[${JSON.stringify(token)}] to be a whole number of 0 or more, found ${kindOf(id)}`,
      );
    }
  }
  if (type === "BPE" && !Array.isArray(merges)) {
    throw new TokenizerFileError(`expected "model.merges" to be an array, found ${kindOf(merges)}`);
  }
}

function checkAddedToken(token: unknown, index: number): void {
  const { id, content } = isObject(token) ? token : {};
  if (typeof content !== "string" || !isTokenId(id)) {
    throw new TokenizerFileError(
      `expected added_tokens[${index}] to have a whole number "id" and a text "content", found ${JSON.stringify(token)}`,
    );
  }
}

export function isTokenId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
