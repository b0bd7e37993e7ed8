/** `blackmamba convert`: a model's weights as safetensors or GGUF, quantised if asked for, in a folder of their own. */
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { type Format, type Quantize, quantizedType } from "../options.ts";
import { writeModel } from "./write-model.ts";

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
  await writeModel("converting", io, (watched) =>
    library.convertModel(source, folder, { format, quantize: quantizedType(quantize), force, ...watched }),
  );
}
