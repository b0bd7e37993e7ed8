/** What every measurement of a model is given. */
import type { BlackMamba } from "@blackmamba/model";

/** How far a stage of the bench has come. */
export interface StageProgress {
  readonly done: number;
  readonly total: number;
  /** What is counted. */
  readonly unit: "runs" | "tokens" | "parameters" | "bytes";
}

export interface MeasureOptions {
  readonly model: BlackMamba;
  /** Measurements of each thing, after one that warms up. */
  readonly runs: number;
  readonly signal: AbortSignal;
  /** Told what is measured next. */
  onStage(stage: string): void;
  /** Told how far the stage has come, between two runs, never within one. */
  onProgress(progress: StageProgress): void;
}

/** Runs something once to warm up, and then so many times: what it resolved to then. */
export async function repeat<T>(
  { runs, onProgress }: Pick<MeasureOptions, "runs" | "onProgress">,
  run: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let index = -1; index < runs; index++) {
    const result = await run(index);
    if (index >= 0) results.push(result);
    onProgress({ done: index + 2, total: runs + 1, unit: "runs" });
  }
  return results;
}
