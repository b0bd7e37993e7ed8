/**
 * What an evaluation needs of a model, and no more: `BlackMamba` has it, on its own thread and in a worker.
 */
import { NoTokenizerError, OptionError, type ScoreOptions, type Scores } from "@blackmamba/model";
import type { Tokenizer } from "@blackmamba/tokenizer";

/** Turns texts into ids, at once or, in a worker, some time later. */
export interface EvalTokenizer extends Pick<Tokenizer, "addBosToken" | "bosTokenId" | "endTokenId"> {
  /** The ids of a text, and no others. */
  encode(text: string): number[] | Promise<number[]>;
}

/** A model that can be evaluated. */
export interface EvalModel {
  readonly tokenizer: EvalTokenizer | undefined;
  /** Says how likely each id is after those before it. */
  score(
    ids: ArrayLike<number>,
    options: Pick<ScoreOptions, "from" | "onProgress" | "signal">,
  ): Promise<Pick<Scores, "logprobs" | "greedy">>;
}

/** The tokenizer of a model that is to read text. */
export function tokenizerOf({ tokenizer }: EvalModel): EvalTokenizer {
  if (tokenizer) return tokenizer;
  throw new NoTokenizerError(
    "the model was loaded without a tokenizer, and figures are of texts: put its tokenizer.json beside the weights",
  );
}

/**
 * The id that stands before a text, so that its first token is predicted by something: the one that was given, else the tokenizer's
 * start token, else its end token. As `prefix_token_id` in lm-evaluation-harness, `lm_eval/models/huggingface.py`.
 */
export function startIdOf({ bosTokenId, endTokenId }: EvalTokenizer, given: number | undefined): number {
  const id = given ?? bosTokenId ?? endTokenId;
  if (id !== undefined) return id;
  throw new OptionError("startId", "the id that texts begin from, as the tokenizer names neither start nor end", given);
}
