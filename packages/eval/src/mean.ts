/** Means, and how far they may be off. */

/** A mean and its standard error. */
export interface Mean {
  readonly mean: number;
  /** Sample standard deviation / √count; undefined for a single value. */
  readonly error: number | undefined;
}

/** The mean of some values. As `mean` and `mean_stderr` in lm-evaluation-harness, `lm_eval/api/metrics.py`. */
export function meanOf(values: readonly number[]): Mean {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, error: undefined };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (count - 1) / count) };
}
