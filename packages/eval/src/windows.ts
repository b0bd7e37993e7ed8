/**
 * Which ids a model with a limited view has before it, and which of them it is asked about. Knows no model.
 */
import { OptionError } from "@blackmamba/model";

/** Ids from `begin` on are read, and those from `from` to `end` are scored; `end` is the first beyond. */
export interface Window {
  readonly begin: number;
  readonly from: number;
  readonly end: number;
}

/** Options of a limited view. */
export interface WindowOptions {
  /** Most ids that are read before any id, the start token included. Default all there are: a Mamba has no limit. */
  readonly context?: number | undefined;
  /** Ids that each window after the first scores, from 1 to `context`. Default `context`: windows that share one id. */
  readonly stride?: number | undefined;
}

/**
 * Checks a limited view.
 *
 * @throws OptionError naming the option
 */
export function checkWindows({ context, stride }: WindowOptions): void {
  if (context !== undefined && !(Number.isInteger(context) && context >= 1)) {
    throw new OptionError("context", "a whole number of at least 1", context);
  }
  if (stride === undefined) return;
  if (context === undefined)
    throw new OptionError("stride", "a context beside it: without one all is read at once", stride);
  if (!(Number.isInteger(stride) && stride >= 1 && stride <= context)) {
    throw new OptionError("stride", `a whole number from 1 to ${context}, the context`, stride);
  }
}

/**
 * The windows over a text: each id but the first is scored once, by the window that has most before it. As
 * `get_rolling_token_windows` in lm-evaluation-harness, `lm_eval/utils.py`: there `max_seq_len` is `context`, and `context_len`,
 * `context` − `stride` + 1.
 *
 * @param length - ids of the text, the start token included
 */
export function* rollingWindows(
  length: number,
  { context = length, stride = context }: WindowOptions,
): Generator<Window> {
  // The first one scores all it can, the others `stride` each. All that can, have all the ids before them that they may.
  for (let from = 1, step = context; from < length; step = stride) {
    const end = Math.min(from + step, length);
    yield { begin: Math.max(0, end - 1 - context), from, end };
    from = end;
  }
}
