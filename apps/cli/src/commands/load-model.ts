/** The beginning of every command that runs a model: takes a device, loads the model onto it, and says both on stderr. */
import type { DeviceChoice } from "@blackmamba/model";
import { MissingTokenizerError } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Library, Model, SelectedDevice } from "../library.ts";
import { type Quantize, quantizedType } from "../options.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { formatBytes, formatDuration } from "../output/units.ts";

/** What users say of a model that is to be run. */
export interface ModelOptions {
  readonly model?: string | undefined;
  readonly device: DeviceChoice;
  readonly quantize: Quantize;
}

/** A model that was loaded. Not freed after an interruption: the process ends then, and takes everything with it. */
export interface LoadedModel extends SelectedDevice {
  readonly model: Model;
  /** What the model was loaded from. */
  readonly folder: string;
  dispose(): Promise<void>;
}

/** Loads a model that reads and writes text. */
export async function loadModel(options: ModelOptions, io: Io, library: Library): Promise<LoadedModel> {
  const folder = options.model ?? (await library.defaultModelFolder());
  if (await library.lacksTokenizer(folder)) throw new MissingTokenizerError(folder);
  const selected = await abortable(library.selectDevice(options.device), io.signal);
  const { device, reason } = selected;
  io.stderr.write(`device ${reason.replaceAll(/\s*\n\s*/g, " ")}\n`);
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
    const dispose = async () => {
      await model.dispose();
      await device.dispose();
    };
    return { model, folder, ...selected, dispose };
  } finally {
    bar.stop();
  }
}
