/**
 * Text to ids and back, for any `tokenizer.json`. The algorithms are `@huggingface/tokenizers`'; what is here is the
 * contract: nothing is added to text or ids, and nothing cleaned up, unless it was asked for.
 */
import { createStages } from "./decode/create-stages.ts";
import { flushThrough, pushThrough } from "./decode/stage.ts";
import { TokenIdError, TokenizerConfigError, TokenizerFileError, UnknownTextError } from "./errors.ts";
import { GrowthLimit } from "./growth-limit.ts";
import { LibraryTokenizer } from "./library.ts";
import type { DecodeOptions, TokenStream } from "./token-stream.ts";
import { readTokenizerConfig, type TokenizerConfig } from "./tokenizer-config.ts";
import { isTokenId, readTokenizerJson, type TokenizerJson } from "./tokenizer-json.ts";
import { useUnicodeWhiteSpace } from "./unicode-white-space.ts";

/** Turns text into ids and back. Made by {@link createTokenizer}. */
export interface Tokenizer {
  /** The ids of a text, and no others. A special token written out in the text becomes its id. */
  encode(text: string): number[];
  /** As `encode`, after the start token where `addBosToken` says so. */
  encodePrompt(text: string): number[];
  /** The text of ids. An id the vocabulary does not have gives no text: models round their vocabulary up. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Decodes ids as they come. */
  stream(options?: DecodeOptions): TokenStream;
  /** The id of a token as the vocabulary writes it, such as `Ġthe`. */
  tokenToId(token: string): number | undefined;
  /** The token of an id, as the vocabulary writes it; `undefined` for an id it does not have. */
  idToToken(id: number): string | undefined;
  /** The highest id + 1. */
  readonly vocabSize: number;
  /** Undefined where the config names none; the id also where the vocabulary lacks the token it names. */
  readonly bosToken: string | undefined;
  readonly bosTokenId: number | undefined;
  /** Whether a prompt begins with the start token. */
  readonly addBosToken: boolean;
  /** Undefined where the config names none. */
  readonly eosToken: string | undefined;
  readonly eosTokenId: number | undefined;
  /** The id that ends a text: `eosTokenId`, or that of `<|endoftext|>` where no config names one. */
  readonly endTokenId: number | undefined;
}

/** What ends a text where nothing else is said: the token of the published BlackMamba models' tokenizer. */
const DEFAULT_END_TOKEN = "<|endoftext|>";

/**
 * Makes a tokenizer from the contents of `tokenizer.json` and, where there is one, `tokenizer_config.json`:
 * each as parsed JSON, as text or as bytes.
 */
export function createTokenizer(tokenizerJson: unknown, config?: unknown): Tokenizer {
  const json = readTokenizerJson(tokenizerJson);
  const settings = readTokenizerConfig(config);
  const growth = new GrowthLimit();
  const inner = createLibraryTokenizer(json, settings, growth);

  const bosTokenId = idOf(inner, settings.bosToken);
  if (settings.addBosToken && bosTokenId === undefined) throw missingToken("bos_token", settings.bosToken);
  const eosTokenId = idOf(inner, settings.eosToken);
  if (settings.eosToken !== undefined && eosTokenId === undefined) throw missingToken("eos_token", settings.eosToken);

  const addedTokens = new Set(json.added_tokens.map((token) => token.content));
  const isAddedToken = (token: string): boolean => addedTokens.has(token);
  const specialIds = specialTokenIds(json, settings, inner);

  function encode(text: string): number[] {
    growth.startText(text.length);
    return inner.tokenize(text, { add_special_tokens: false }).map((token) => {
      const id = inner.token_to_id(token) ?? inner.model.unk_token_id;
      if (id === undefined) throw new UnknownTextError(token);
      return id;
    });
  }

  function stream(options: DecodeOptions = {}): TokenStream {
    const stages = createStages(inner, isAddedToken);
    let length = 0;
    return {
      push(id) {
        if (!isTokenId(id)) throw new TokenIdError(id);
        if (options.skipSpecialTokens === true && specialIds.has(id)) return "";
        const token = inner.id_to_token(id);
        if (token === undefined) return "";
        length += token.length;
        growth.startText(length);
        return pushThrough(stages, token);
      },
      flush() {
        growth.startText(length);
        return flushThrough(stages);
      },
    };
  }

  return {
    encode,
    encodePrompt(text) {
      const ids = encode(text);
      return settings.addBosToken ? [bosTokenId!, ...ids] : ids;
    },
    decode(ids, options) {
      const tokens = stream(options);
      let text = "";
      for (const id of ids) text += tokens.push(id);
      return text + tokens.flush();
    },
    stream,
    tokenToId: (token) => inner.token_to_id(token),
    idToToken: (id) => inner.id_to_token(id),
    vocabSize: inner.model.vocab.findLastIndex((token) => token !== undefined) + 1,
    bosToken: settings.bosToken,
    bosTokenId,
    addBosToken: settings.addBosToken,
    eosToken: settings.eosToken,
    eosTokenId,
    endTokenId: eosTokenId ?? inner.token_to_id(DEFAULT_END_TOKEN),
  };
}

/** Its steps have limits. */
function createLibraryTokenizer(json: TokenizerJson, settings: TokenizerConfig, growth: GrowthLimit): LibraryTokenizer {
  const create = (from: object) =>
    new LibraryTokenizer(from, {
      bos_token: settings.bosToken,
      eos_token: settings.eosToken,
      unk_token: settings.unkToken,
    });
  let inner: LibraryTokenizer;
  try {
    // Making one normalises the added tokens, before any limit can be put on it: the steps are tried on them alone.
    const steps = create({ ...json, added_tokens: [], model: { type: "BPE", vocab: {}, merges: [] } });
    growth.guard(steps);
    for (const { content } of json.added_tokens) {
      growth.startText(content.length);
      steps.normalizer?.normalize(content);
    }
    inner = create(json);
  } catch (cause) {
    if (cause instanceof TokenizerFileError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenizerFileError(
      `expected a tokenizer that @huggingface/tokenizers supports, found one it refuses (${reason}); fetch the file again`,
      { cause },
    );
  }
  useUnicodeWhiteSpace(inner.pre_tokenizer);
  growth.guard(inner);
  return inner;
}

function idOf(inner: LibraryTokenizer, token: string | undefined): number | undefined {
  return token === undefined ? undefined : inner.token_to_id(token);
}

function missingToken(setting: string, token: string | undefined): TokenizerConfigError {
  return new TokenizerConfigError(
    `"${setting}" is ${JSON.stringify(token)}, which is not in the vocabulary of tokenizer.json; ` +
      "name a token that is, or take both files from the same model",
  );
}

function specialTokenIds(json: TokenizerJson, settings: TokenizerConfig, inner: LibraryTokenizer): ReadonlySet<number> {
  const ids = new Set(json.added_tokens.filter((token) => token.special === true).map((token) => token.id));
  for (const token of settings.additionalSpecialTokens) {
    const id = inner.token_to_id(token);
    if (id !== undefined) ids.add(id);
  }
  return ids;
}
