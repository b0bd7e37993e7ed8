/** How far something has come, for a person who watches. Says nothing where nobody does. */

import progress from "cli-progress";
import type { Io } from "../io.ts";
import { formatBytes } from "./units.ts";

export interface ProgressBar {
  update(doneBytes: number, totalBytes: number): void;
  /** Removes the bar. */
  stop(): void;
}

/** @param activity what is under way, in one word */
export function createProgressBar(stderr: Io["stderr"], activity: string): ProgressBar {
  if (stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
  const bar = new progress.SingleBar({
    stream: stderr as NodeJS.WritableStream,
    clearOnComplete: true,
    format: `${activity} {bar} {percentage} % of {total}`,
    formatValue: (value, _options, type) => (type === "total" ? formatBytes(value) : String(value)),
    barCompleteChar: "█",
    barIncompleteChar: "░",
  });
  let started = false;
  return {
    update(doneBytes, totalBytes) {
      if (!started) bar.start(totalBytes, 0);
      started = true;
      bar.update(doneBytes);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
