/** A model that is to make text: finds the device and loads, and says on stderr how that goes. */
import type { DeviceChoice } from "@blackmamba/model";
import { MissingTokenizerError } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Device, Library, Model } from "../library.ts";
import { type Quantize, quantizedType } from "../options.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { formatBytes, formatDuration } from "../output/units.ts";

export interface LoadForTextOptions {
  /** Where it is; by default the storyteller that comes along. */
  readonly model?: string | undefined;
  readonly device: DeviceChoice;
  readonly quantize: Quantize;
}

export interface LoadedForText {
  readonly model: Model;
  /** What was loaded: a folder, an address or a name. */
  readonly folder: string;
  readonly device: Device;
  /** Which device was taken, and why. */
  readonly reason: string;
}

/** @throws MissingTokenizerError before anything is loaded */
export async function loadForText(options: LoadForTextOptions, io: Io, library: Library): Promise<LoadedForText> {
  const folder = options.model ?? (await library.defaultModelFolder());
  if (await library.lacksTokenizer(folder)) throw new MissingTokenizerError(folder);
  const { device, reason } = await abortable(library.selectDevice(options.device), io.signal);
  io.stderr.write(`device ${oneLine(reason)}\n`);
  const bar = createProgressBar(io.stderr, "loading");
  const start = performance.now();
  let byteLength = 0;
  try {
    const loading = library.load(folder, {
      device,
      quantize: quantizedType(options.quantize),
      signal: io.signal,
      onProgress({ loadedBytes, totalBytes }) {
        byteLength = totalBytes;
        bar.update(loadedBytes, totalBytes);
      },
    });
    const model = await abortable(loading, io.signal);
    bar.stop();
    io.stderr.write(`loaded ${formatBytes(byteLength)} in ${formatDuration(performance.now() - start)}\n`);
    return { model, folder, device, reason };
  } finally {
    bar.stop();
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ");
}
