/** What the server needs of a model, and no more: a `BlackMamba` has it, and in tests something else can stand in for it. */
import type {
  Batcher,
  BatcherOptions,
  GeneratedToken,
  GenerateOptions,
  GenerateResult,
  PrefixCache,
  PrefixCacheOptions,
  Tokenizer,
} from "@blackmamba/model";

/** What a text is to be, in the model's terms. */
export type TextOptions = Omit<GenerateOptions, "state" | "cache" | "signal" | "logitProcessors">;

/** Makes a text. */
export type Generate = (
  prompt: ArrayLike<number>,
  options: GenerateOptions,
) => AsyncGenerator<GeneratedToken, GenerateResult, undefined>;

/** Many texts that are decoded together. */
export interface ServedBatcher extends Pick<Batcher, "active" | "waiting" | "dispose"> {
  readonly generate: Generate;
}

/** The part of a tokenizer that the server uses. */
export type ServedTokenizer = Pick<
  Tokenizer,
  "encode" | "decode" | "addBosToken" | "bosToken" | "bosTokenId" | "eosToken"
>;

/** A model that can be served: a `BlackMamba` with a tokenizer. */
export interface ServedModel {
  readonly tokenizer: ServedTokenizer | undefined;
  readonly config: { readonly vocab: number };
  readonly device: { readonly kind: "webgpu" | "cpu" };
  /** Called once. */
  createBatcher(options: BatcherOptions): ServedBatcher;
  /** Called once, if a cache is asked for. */
  createPrefixCache(options: PrefixCacheOptions): PrefixCache;
}
