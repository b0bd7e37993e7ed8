/** `blackmamba convert`: a model's weights as one safetensors or GGUF file, quantised if asked for, in a folder of its own. */
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { type Format, type Quantize, quantizedType } from "../options.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { formatBytes, formatDuration } from "../output/units.ts";

export interface ConvertOptions {
  readonly format: Format;
  readonly quantize: Quantize;
  readonly force?: boolean | undefined;
}

export async function convert(
  source: string,
  folder: string,
  options: ConvertOptions,
  io: Io,
  library: Library,
): Promise<void> {
  const { format, quantize, force = false } = options;
  const bar = createProgressBar(io.stderr, "converting");
  const start = performance.now();
  try {
    // Not abandoned when it is stopped, as other commands are: what was written so far has to be removed first.
    const { path, byteLength, dtypes } = await library.convertModel(source, folder, {
      format,
      quantize: quantizedType(quantize),
      force,
      signal: io.signal,
      onProgress: ({ writtenBytes, totalBytes }) => bar.update(writtenBytes, totalBytes),
    });
    bar.stop();
    const tensors = Object.entries(dtypes)
      .map(([dtype, count]) => `${count} ${dtype}`)
      .join(", ");
    const duration = formatDuration(performance.now() - start);
    io.stderr.write(`wrote ${path}: ${formatBytes(byteLength)}, ${tensors}, in ${duration}\n`);
  } finally {
    bar.stop();
  }
}
