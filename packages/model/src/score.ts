/**
 * How likely a model finds the tokens of a text: computed chunk by chunk, of which the logits are not kept. Not here: what to do with
 * it, such as perplexity, see `@blackmamba/eval`.
 */
import { OptionError } from "./errors.ts";
import type { Visitor } from "./forward/engine.ts";
import { isLikeliest, logprobOf, logTotal, type TokenLogprob, topLogprobs } from "./logprobs.ts";
import type { ModelState } from "./model-state.ts";

/** How far a scoring has come. */
export interface ScoreProgress {
  readonly scoredTokens: number;
  readonly totalTokens: number;
}

/** Options of {@link BlackMamba.score}. */
export interface ScoreOptions {
  /** Index of the first id to be scored; those before it are only read, which is faster. Default 1: the first id has no score. */
  readonly from?: number | undefined;
  /** Also tells so many of the likeliest ids at each place, and how likely they are. Default 0: none. */
  readonly top?: number | undefined;
  /** The text continues the one that this state has read, and the state goes along with it. Default an empty state. */
  readonly state?: ModelState | undefined;
  /** Called after each chunk. Where the device is lost, it begins again. */
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Scores of a text's ids, in arrays as long as the text: at index t stands what was said of id t by the tokens before it. Where there is
 * no score, at 0 and before `from`, these are NaN, 0 and an empty list.
 */
export interface Scores {
  /** [tokens]: natural logarithm of each id's probability. */
  readonly logprobs: Float64Array;
  /** [tokens]: 1 where the id is the likeliest, of equal ones the first; else 0. */
  readonly greedy: Uint8Array;
  /** [tokens], each with `top` ids at most, the likeliest first. Undefined where none were asked for. */
  readonly topLogprobs: readonly (readonly TokenLogprob[])[] | undefined;
}

/** Reads ids, which continue those it has read before, and shows the visitor their logits. */
export type ReadIds = (ids: ArrayLike<number>, visitor: Visitor) => Promise<void>;

/**
 * Scores ids.
 *
 * @param ids - at least one, all in the vocabulary
 */
export async function scoreIds(
  read: ReadIds,
  ids: ArrayLike<number>,
  vocab: number,
  { from = 1, top = 0, state, onProgress }: Omit<ScoreOptions, "signal">,
): Promise<Scores> {
  if (!(Number.isInteger(from) && from >= 1 && from <= ids.length)) {
    throw new OptionError("from", `a whole number from 1 to ${ids.length}, as there are ${ids.length} ids`, from);
  }
  if (!(Number.isInteger(top) && top >= 0)) throw new OptionError("top", "a whole number of at least 0", top);
  const logprobs = new Float64Array(ids.length).fill(Number.NaN);
  const greedy = new Uint8Array(ids.length);
  const tops = top > 0 ? Array.from(ids, (): TokenLogprob[] => []) : undefined;

  let next = from;
  const score = (rows: Float32Array) => {
    for (let start = 0; start < rows.length && next < ids.length; start += vocab, next++) {
      const row = rows.subarray(start, start + vocab);
      const id = ids[next] as number;
      const total = logTotal(row);
      logprobs[next] = logprobOf(row, id, total);
      greedy[next] = isLikeliest(row, id) ? 1 : 0;
      if (tops) tops[next] = topLogprobs(row, top, total);
    }
    onProgress?.({ scoredTokens: next - from, totalTokens: ids.length - from });
  };

  // What stands before the first score is said by the token before it: only from that one on are there logits to be had.
  const all = Uint32Array.from(ids);
  if (from > 1) await read(all.subarray(0, from - 1), {});
  // The last id says nothing of this text, but a state has to have read it.
  const end = state ? all.length : all.length - 1;
  if (end >= from) await read(all.subarray(from - 1, end), from < all.length ? { logits: score } : {});
  return { logprobs, greedy, topLogprobs: tops };
}
