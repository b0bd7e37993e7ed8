/**
 * The one door to `@huggingface/tokenizers`: the classes this package uses and the members it relies on.
 * Written out because the library's declarations import one another without file extensions, which TypeScript
 * cannot follow from an ES module; without this file everything below would silently be `any`.
 */
import * as library from "@huggingface/tokenizers";

export interface LibraryTokenizer {
  readonly normalizer: Normalizer | null;
  readonly pre_tokenizer: PreTokenizer | null;
  readonly model: LibraryModel;
  readonly decoder: Decoder | null;
  tokenize(text: string, options: { add_special_tokens: boolean }): string[];
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
}

export interface LibraryModel {
  /** By id, with holes where the file leaves ids out. */
  readonly vocab: readonly (string | undefined)[];
  readonly unk_token_id?: number | undefined;
  readonly end_of_word_suffix?: string | null | undefined;
}

export interface Normalizer {
  normalize(text: string): string;
  /** Of a Sequence. */
  readonly normalizers?: readonly (Normalizer | null)[];
}

export interface PreTokenizer {
  pre_tokenize(text: string | string[], options?: object): string[];
  /** Of a Sequence. */
  readonly tokenizers?: readonly (PreTokenizer | null)[];
}

export interface ByteLevelPreTokenizer extends PreTokenizer {
  pattern: RegExp;
}

export interface Decoder {
  readonly config: { readonly type: string };
  decode_chain(tokens: string[]): string[];
  /** Of a Sequence. */
  readonly decoders?: readonly Decoder[];
}

/** `config.type` is "Strip". */
export interface StripDecoder extends Decoder {
  readonly content: string;
  readonly start: number;
  readonly stop: number;
}

type Class<Instance> = abstract new (...args: never) => Instance;

interface Library {
  readonly Tokenizer: new (tokenizerJson: object, config: object) => LibraryTokenizer;
  readonly ByteLevelPreTokenizer: Class<ByteLevelPreTokenizer>;
}

export const { Tokenizer: LibraryTokenizer, ByteLevelPreTokenizer } = library as unknown as Library;
