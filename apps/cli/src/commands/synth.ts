/** `blackmamba synth`: a model of random weights and of a published shape, as files. */
import type { PresetName } from "../bench/presets.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import type { FloatDType, SynthFormat } from "../options.ts";
import { writeModel } from "./write-model.ts";

export interface SynthOptions {
  readonly preset: PresetName;
  readonly dtype: FloatDType;
  readonly format: SynthFormat;
  readonly seed: number;
  readonly force?: boolean | undefined;
}

export async function synth(folder: string, options: SynthOptions, io: Io, library: Library): Promise<void> {
  const { preset, dtype, format, seed, force = false } = options;
  await writeModel("making", io, (watched) =>
    library.synthModel(folder, { preset, dtype, format, seed, force, ...watched }),
  );
}
