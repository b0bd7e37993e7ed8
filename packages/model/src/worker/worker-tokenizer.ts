/**
 * The tokenizer of a model in a worker.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { Connection } from "./connection.ts";
import type { ModelMethods } from "./model-methods.ts";
import type { TokenizerFacts } from "./protocol.ts";

/** Turns text into ids and back, in the model's worker. What it is made of is known at once. */
export interface WorkerTokenizer extends TokenizerFacts {
  /** The ids of a text, and no others. A special token written out in the text becomes its id. */
  encode(text: string): Promise<number[]>;
  /** As `encode`, after the start token where `addBosToken` says so. */
  encodePrompt(text: string): Promise<number[]>;
  /** The text of ids. An id the vocabulary does not have gives no text. */
  decode(ids: Iterable<number>, options?: Parameters<Tokenizer["decode"]>[1]): Promise<string>;
  /** The id of a token as the vocabulary writes it, such as `Ġthe`. */
  tokenToId(token: string): Promise<number | undefined>;
  /** The token of an id, as the vocabulary writes it; `undefined` for an id it does not have. */
  idToToken(id: number): Promise<string | undefined>;
}

/** The tokenizer at the other end. */
export function workerTokenizer(connection: Connection<ModelMethods>, facts: TokenizerFacts): WorkerTokenizer {
  return {
    ...facts,
    encode: (text) => connection.call("encode", text),
    encodePrompt: (text) => connection.call("encodePrompt", text),
    decode: (ids, options) => connection.call("decode", [...ids], options),
    tokenToId: (token) => connection.call("tokenToId", token),
    idToToken: (id) => connection.call("idToToken", id),
  };
}
