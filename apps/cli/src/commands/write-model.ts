/** What commands that write a model have in common: a bar meanwhile, and one line at the end. */
import type { WriteProgress } from "@blackmamba/model";
import type { Io } from "../io.ts";
import type { ConvertedModel } from "../library.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { formatBytes, formatDuration } from "../output/units.ts";

/** How the writing is watched, and ended. */
export interface Watched {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: WriteProgress) => void;
}

/**
 * Not abandoned when it is stopped, as other commands are: what was written so far has to be removed first.
 *
 * @param activity - in one word
 */
export async function writeModel(
  activity: string,
  io: Io,
  write: (watched: Watched) => Promise<ConvertedModel>,
): Promise<void> {
  const bar = createProgressBar(io.stderr, activity);
  const start = performance.now();
  try {
    const { path, byteLength, dtypes, files } = await write({
      signal: io.signal,
      onProgress: ({ writtenBytes, totalBytes }) => bar.update(writtenBytes, totalBytes),
    });
    bar.stop();
    const tensors = Object.entries(dtypes)
      .map(([dtype, count]) => `${count} ${dtype}`)
      .join(", ");
    const duration = formatDuration(performance.now() - start);
    const others = files.length > 1 ? ` and ${files.length - 1} files` : "";
    io.stderr.write(`wrote ${path}${others}: ${formatBytes(byteLength)}, ${tensors}, in ${duration}\n`);
  } finally {
    bar.stop();
  }
}
