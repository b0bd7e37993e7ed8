/**
 * What the server needs of a model, and no more: `BlackMamba` of `@blackmamba/model` has it, and a test can stand in for it.
 */
import type { Tokenizer } from "@blackmamba/model";

/** What a text is to be, as the batcher takes it; see `GenerateOptions` of `@blackmamba/model`. */
export interface BatchOptions {
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly minP?: number | undefined;
  readonly typicalP?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  readonly seed?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly minTokens?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly stopIds?: readonly number[] | undefined;
  readonly logprobs?: number | undefined;
  readonly echo?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A token of a text, as it comes. */
export interface BatchToken {
  readonly id: number;
  /** What became certain with it; may be empty. */
  readonly text: string;
  readonly logprob?: number | undefined;
  readonly topLogprobs?: readonly { readonly id: number; readonly logprob: number }[] | undefined;
  /** Of the prompt, where it is echoed. */
  readonly isPrompt?: true | undefined;
}

/** `stop`: the model ended the text, or a stop string came. `length`: as many tokens as were asked for. */
export type FinishReason = "stop" | "length";

/** Many texts that are decoded together. */
export interface Batcher {
  generate(
    prompt: ArrayLike<number>,
    options: BatchOptions,
  ): AsyncGenerator<BatchToken, { readonly finishReason: FinishReason }, undefined>;
  /** Texts that have a slot, and those that wait for one. */
  readonly active: number;
  readonly waiting: number;
  dispose(): Promise<void>;
}

/** Prompts that are kept, for others that begin alike. */
export interface PrefixCache {
  readonly hitTokens: number;
  readonly missedTokens: number;
  readonly byteLength: number;
  dispose(): void | Promise<void>;
}

/** The part of a tokenizer that the server uses. */
export type ServedTokenizer = Pick<
  Tokenizer,
  "encode" | "decode" | "addBosToken" | "bosToken" | "bosTokenId" | "eosToken"
>;

/** A model that can be served: a `BlackMamba` with a tokenizer. */
export interface ServedModel<Cache extends PrefixCache = PrefixCache> {
  readonly tokenizer: ServedTokenizer | undefined;
  readonly config: { readonly vocab: number };
  createBatcher(options: { batchSize?: number; cache?: Cache }): Batcher;
  createPrefixCache(options: { maxByteLength?: number }): Cache;
}
