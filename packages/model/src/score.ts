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
  /**
   * Index of the first id to be scored; those before it are only read, which is faster. Default the first that can be: 1, as the first
   * id of a text has no score, or 0 where a state has read something before it.
   */
  readonly from?: number | undefined;
  /** Also tells so many of the likeliest ids at each place, and how likely they are. Default 0: none. */
  readonly top?: number | undefined;
  /** The ids continue what this state has read, and the state goes along with them. Default an empty state. */
  readonly state?: ModelState | undefined;
  /** Called after each chunk. Where the device is lost, it begins again. */
  readonly onProgress?: ((progress: ScoreProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Scores of a text's ids, in arrays as long as the text: at index t stands what was said of id t by the tokens before it. Where there is
 * no score, at the beginning of a text and before `from`, these are NaN, 0 and an empty list.
 */
export interface Scores {
  /** Natural logarithm of each id's probability, [tokens]. */
  readonly logprobs: Float64Array;
  /** 1 where the id is the likeliest, of equal ones the first, else 0, [tokens]. */
  readonly greedy: Uint8Array;
  /** For each id, `top` ids at most, the likeliest first. Undefined where none were asked for. */
  readonly topLogprobs: readonly (readonly TokenLogprob[])[] | undefined;
}

/** Reads ids, which continue those it has read before, and shows the visitor their logits. */
export type ReadIds = (ids: ArrayLike<number>, visitor: Visitor) => Promise<void>;

/** As the engine needs them. */
interface ScoreInputs extends Omit<ScoreOptions, "signal"> {
  /** Logits [vocab] of the first id; undefined where nothing comes before it. */
  readonly before?: Float32Array | undefined;
}

/**
 * Scores ids.
 *
 * @param ids - at least one, all in the vocabulary
 */
export async function scoreIds(
  read: ReadIds,
  ids: ArrayLike<number>,
  vocab: number,
  { before, from = before ? 0 : 1, top = 0, state, onProgress }: ScoreInputs,
): Promise<Scores> {
  const least = before ? 0 : 1;
  if (!(Number.isInteger(from) && from >= least && from <= ids.length)) {
    throw new OptionError(
      "from",
      `a whole number from ${least} to ${ids.length}, as there are ${ids.length} ids`,
      from,
    );
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

  if (before && from === 0) score(before);
  const all = Uint32Array.from(ids);
  // What is scored first is said by the token before it: only from that one on are there logits to be had.
  const scored = Math.max(0, from - 1);
  if (scored > 0) await read(all.subarray(0, scored), {});
  // The last id says nothing of this text, but a state has to have read it.
  const end = state ? all.length : all.length - 1;
  if (end > scored) await read(all.subarray(scored, end), next < all.length ? { logits: score } : {});
  return { logprobs, greedy, topLogprobs: tops };
}
