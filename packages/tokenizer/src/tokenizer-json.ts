/**
 * Reads `tokenizer.json`: checks what this package and the library beneath it rely on, so that a damaged file
 * is told by name here and does not fail as a `TypeError` there. Does not interpret it: the library does.
 */
import { TokenizerFileError } from "./errors.ts";
import { isObject, type JsonObject, jsonObject, kindOf } from "./json-input.ts";
import { checkCount, checkFlags, checkSteps, checkTexts } from "./tokenizer-steps.ts";

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
const OPTIONAL_STEPS = ["normalizer", "pre_tokenizer", "decoder"] as const;

/** Ids end before this, several times the largest vocabularies: whoever makes a list by id makes one of that length. */
const MAX_ID = 1_000_000;

/** Characters of tokens that become a tree, which takes a hundred times as many bytes. */
const MAX_TREE_LENGTH = 2 << 20;

/** Longest word of a WordPiece model, which looks at each part of it: several times the usual 100. */
const MAX_WORD_LENGTH = 512;

/** Ways to try a normaliser's patterns in all added tokens, which is done when the tokenizer is made. */
const MAX_ADDED_COST = 1 << 28;

/** The checked contents of `tokenizer.json`. */
export function readTokenizerJson(input: unknown): TokenizerJson {
  const json = jsonObject(input, (message, options) => new TokenizerFileError(message, options));
  const { model, added_tokens: addedTokens = [] } = json;
  if (!isObject(model)) {
    throw new TokenizerFileError(
      `expected "model" to be an object, found ${kindOf(model)}; is this another JSON file, such as config.json?`,
    );
  }
  checkModel(model);
  if (!Array.isArray(addedTokens)) {
    throw new TokenizerFileError(`expected "added_tokens" to be an array, found ${kindOf(addedTokens)}`);
  }
  for (const [index, token] of addedTokens.entries()) checkAddedToken(token, index);
  checkTree(
    addedTokens.map(({ content }) => content),
    "added_tokens",
  );

  // Nothing is added to texts, which is all that a post-processor does.
  const steps: Record<string, unknown> = { post_processor: null };
  for (const step of OPTIONAL_STEPS) {
    const value = json[step] ?? null;
    if (value !== null && !isObject(value)) {
      throw new TokenizerFileError(`expected "${step}" to be an object or null, found ${kindOf(value)}`);
    }
    const cost = value === null ? 0 : checkSteps(value, step);
    if (step === "normalizer" && cost * addedTokens.length > MAX_ADDED_COST) {
      throw new TokenizerFileError(
        `expected fewer added tokens with patterns as "normalizer" has them, found ${addedTokens.length}`,
      );
    }
    steps[step] = value;
  }
  return { ...json, ...steps, model, added_tokens: addedTokens };
}

/** BPE and WordPiece: token → id. Unigram: a list of [token, score] in order of id. */
function checkModel(model: JsonObject): void {
  const { type, vocab, merges } = model;
  if (Array.isArray(vocab)) {
    checkScoredVocabulary(vocab);
  } else if (isObject(vocab)) {
    checkIds(vocab);
  } else {
    throw new TokenizerFileError(`expected "model.vocab" to be an object or an array, found ${kindOf(vocab)}`);
  }
  const isList = Array.isArray(vocab);
  if (typeof type === "string" && type in VOCAB_IS_LIST && VOCAB_IS_LIST[type] !== isList) {
    throw new TokenizerFileError(
      `expected "model.vocab" of a ${type} to be ${isList ? "an object" : "an array"}, found ${kindOf(vocab)}`,
    );
  }
  if (type === "BPE" || (merges !== undefined && merges !== null)) checkMerges(merges);
  checkTexts(
    model,
    ["unk_token", "continuing_subword_prefix", "continuing_subword_suffix", "end_of_word_suffix"],
    "model",
  );
  checkFlags(model, ["fuse_unk", "byte_fallback", "ignore_merges"], "model");
  checkCount(model, "max_input_chars_per_word", 0, MAX_WORD_LENGTH, "model");
  if (isList) checkCount(model, "unk_id", 0, vocab.length - 1, "model");
}

/** By kind of model. */
const VOCAB_IS_LIST: Readonly<Record<string, boolean>> = Object.assign(Object.create(null), {
  BPE: false,
  WordPiece: false,
  Unigram: true,
});

function checkScoredVocabulary(vocab: readonly unknown[]): void {
  const isScored = (entry: unknown) =>
    Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number" && Number.isFinite(entry[1]);
  const wrong = vocab.findIndex((entry) => !isScored(entry));
  if (wrong >= 0) {
    throw new TokenizerFileError(`expected model.vocab[${wrong}] to be [token, score], found ${kindOf(vocab[wrong])}`);
  }
  if (vocab.length === 0 || vocab.length > MAX_ID) {
    throw new TokenizerFileError(`expected "model.vocab" to have 1 to ${MAX_ID} tokens, found ${vocab.length}`);
  }
  checkTree(
    vocab.map((entry) => (entry as [string])[0]),
    "model.vocab",
  );
}

function checkIds(vocab: JsonObject): void {
  for (const [token, id] of Object.entries(vocab)) {
    if (!isTokenId(id)) {
      throw new TokenizerFileError(
        `expected model.vocab[${JSON.stringify(token)}] to be a whole number of 0 or more, found ${kindOf(id)}`,
      );
    }
    requirePlausibleId(id, `model.vocab[${JSON.stringify(token)}]`);
  }
}

/** Texts of two parts with a space between, or pairs. */
function checkMerges(merges: unknown): void {
  if (!Array.isArray(merges)) {
    throw new TokenizerFileError(`expected "model.merges" to be an array, found ${kindOf(merges)}`);
  }
  const isPair = (merge: unknown) =>
    Array.isArray(merge) && merge.length === 2 && typeof merge[0] === "string" && typeof merge[1] === "string";
  const isMerge = Array.isArray(merges[0]) ? isPair : (merge: unknown) => typeof merge === "string";
  const wrong = merges.findIndex((merge) => !isMerge(merge));
  if (wrong >= 0) {
    throw new TokenizerFileError(
      `expected model.merges[${wrong}] to be two tokens, as the first is, found ${kindOf(merges[wrong])}`,
    );
  }
}

function checkTree(tokens: readonly string[], where: string): void {
  const length = tokens.reduce((sum, token) => sum + token.length, 0);
  if (length <= MAX_TREE_LENGTH) return;
  throw new TokenizerFileError(`expected "${where}" to have at most ${MAX_TREE_LENGTH} characters, found ${length}`);
}

function checkAddedToken(token: unknown, index: number): void {
  const { id, content } = isObject(token) ? token : {};
  if (typeof content !== "string" || !isTokenId(id)) {
    throw new TokenizerFileError(
      `expected added_tokens[${index}] to have a whole number "id" and a text "content", found ${kindOf(isObject(token) ? (id ?? content) : token)}`,
    );
  }
  requirePlausibleId(id, `added_tokens[${index}].id`);
  const settings = token as JsonObject;
  checkTexts(settings, ["content"], `added_tokens[${index}]`);
  checkFlags(settings, ["single_word", "lstrip", "rstrip", "special", "normalized"], `added_tokens[${index}]`);
}

function requirePlausibleId(id: number, where: string): void {
  if (id < MAX_ID) return;
  throw new TokenizerFileError(`expected ${where} to be a whole number below ${MAX_ID}, found ${id}`);
}

export function isTokenId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
