/** How far a model is loaded, for a person who watches. Says nothing where nobody does. */

import type { LoadProgress } from "@blackmamba/model";
import progress from "cli-progress";
import type { Io } from "../io.ts";
import { formatBytes } from "./units.ts";

export interface LoadingBar {
  update(progress: LoadProgress): void;
  /** Removes the bar. */
  stop(): void;
}

export function createLoadingBar(stderr: Io["stderr"]): LoadingBar {
  if (stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
  const bar = new progress.SingleBar({
    stream: stderr as NodeJS.WritableStream,
    clearOnComplete: true,
    format: "loading {bar} {percentage} % of {total}",
    formatValue: (value, _options, type) => (type === "total" ? formatBytes(value) : String(value)),
    barCompleteChar: "█",
    barIncompleteChar: "░",
  });
  let started = false;
  return {
    update({ loadedBytes, totalBytes }) {
      if (!started) bar.start(totalBytes, 0);
      started = true;
      bar.update(loadedBytes);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
