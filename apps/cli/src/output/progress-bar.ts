/** How far something has come, for a person who watches. Says nothing where nobody does. */

import progress from "cli-progress";
import type { Io } from "../io.ts";
import { formatBytes } from "./units.ts";

export interface ProgressBar {
  update(done: number, total: number): void;
  /** Removes the bar. */
  stop(): void;
}

/**
 * @param activity what is under way, in one word, or nothing where that has been said
 * @param formatTotal how the total is written; default in bytes
 */
export function createProgressBar(
  stderr: Io["stderr"],
  activity: string,
  formatTotal: (total: number) => string = formatBytes,
): ProgressBar {
  if (stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
  const bar = new progress.SingleBar({
    stream: stderr as NodeJS.WritableStream,
    clearOnComplete: true,
    format: `${activity} {bar} {percentage} % of {total}`,
    formatValue: (value, _options, type) => (type === "total" ? formatTotal(value) : String(value)),
    barCompleteChar: "█",
    barIncompleteChar: "░",
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, 0);
      started = true;
      bar.update(done);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
