/**
 * What several measurements of one thing say together.
 */

/** Measurements of one thing: the one in the middle, and how far they lie apart. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** As they were measured. */
  readonly runs: readonly number[];
}

/** Sums up at least one measurement. */
export function summarise(runs: readonly number[]): Summary {
  if (runs.length === 0) throw new RangeError("summarise: no measurements");
  return { median: median(runs), min: Math.min(...runs), max: Math.max(...runs), runs };
}

/** The one in the middle, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const lower = (sorted.length - 1) >> 1;
  return ((sorted[lower] ?? Number.NaN) + (sorted[upper] ?? Number.NaN)) / 2;
}
