/** How far something has come, for a person who watches. Says nothing where nobody does. */

import progress from "cli-progress";
import type { Io } from "../io.ts";
import { formatBytes, formatTimeLeft } from "./units.ts";

export interface ProgressBar {
  update(done: number, total: number): void;
  /** Removes the bar. */
  stop(): void;
}

/** Before that, a rate is of little worth. */
const RATE_AFTER_MS = 1000;

/**
 * @param activity what is under way, in one word, or nothing where that has been said
 * @param formatTotal how the total is written; default in bytes, and then with their rate
 */
export function createProgressBar(
  stderr: Io["stderr"],
  activity: string,
  formatTotal?: (total: number) => string,
): ProgressBar {
  if (stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
  const bar = new progress.SingleBar({
    stream: stderr as NodeJS.WritableStream,
    clearOnComplete: true,
    format: `${activity} {bar} {percentage} % of {total}{rate}`,
    formatValue: (value, _options, type) => (type === "total" ? (formatTotal ?? formatBytes)(value) : String(value)),
    barCompleteChar: "█",
    barIncompleteChar: "░",
  });
  let start: { readonly ms: number; readonly done: number } | undefined;
  return {
    update(done, total) {
      if (!start) bar.start(total, 0, { rate: "" });
      start ??= { ms: performance.now(), done };
      bar.update(done, { rate: rateSince(start, done, total, formatTotal === undefined) });
    },
    stop() {
      if (start) bar.stop();
    },
  };
}

/** `, 35.2 MB/s, 1 min 12 s left`, or the time alone. */
function rateSince(
  start: { readonly ms: number; readonly done: number },
  done: number,
  total: number,
  isInBytes: boolean,
): string {
  const ms = performance.now() - start.ms;
  const perMs = (done - start.done) / ms;
  if (ms < RATE_AFTER_MS || !(perMs > 0)) return "";
  const rate = isInBytes ? `, ${formatBytes(perMs * 1000)}/s` : "";
  return `${rate}, ${formatTimeLeft((total - done) / perMs)} left`;
}
