/** Loads a model, with a bar in a terminal and a line when it is done. */
import type { QuantizedDType } from "@blackmamba/model";
import { abortable, type Io } from "../io.ts";
import type { Device, Library, Model } from "../library.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { formatBytes, formatDuration } from "../output/units.ts";

export async function loadWithProgress(
  folder: string,
  device: Device,
  quantize: QuantizedDType | undefined,
  io: Io,
  library: Library,
): Promise<Model> {
  const bar = createProgressBar(io.stderr, "loading");
  const start = performance.now();
  let byteLength = 0;
  try {
    const loading = library.load(folder, {
      device,
      quantize,
      signal: io.signal,
      onProgress({ loadedBytes, totalBytes }) {
        byteLength = totalBytes;
        bar.update(loadedBytes, totalBytes);
      },
    });
    const model = await abortable(loading, io.signal);
    bar.stop();
    io.stderr.write(`loaded ${formatBytes(byteLength)} in ${formatDuration(performance.now() - start)}\n`);
    return model;
  } finally {
    bar.stop();
  }
}
