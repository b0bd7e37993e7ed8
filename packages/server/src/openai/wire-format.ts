/** How answers are written, whole or as a stream of chunks. One for each endpoint. */
import type { FinishReason, GeneratedToken } from "@blackmamba/model";

/** What all chunks of an answer say. */
export interface AnswerHead {
  /** Unique; without the endpoint's prefix. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** Tokens of a request. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** A text that is done. */
export interface DoneText {
  readonly tokens: readonly GeneratedToken[];
  readonly finishReason: FinishReason;
}

/** Writes the answers to one request. A choice's index counts all texts of all prompts. */
export interface WireFormat {
  whole(texts: readonly DoneText[], usage: Usage): object;
  /** The chunk before a choice's first token, if there is one. */
  opening(index: number): object | undefined;
  /** The chunk of a token; none where it has nothing to say. */
  piece(index: number, token: GeneratedToken): object | undefined;
  /** The chunk that says how a choice ended. */
  closing(index: number, finishReason: FinishReason): object;
  /** The last chunk, where the number of tokens is asked for. */
  usage(usage: Usage): object;
}
