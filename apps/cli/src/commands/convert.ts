/** `blackmamba convert`: a model's weights as safetensors or GGUF, quantised if asked for, in a folder of their own. */
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { type FloatDType, type Format, type Quantize, quantizedType } from "../options.ts";
import { writeModel } from "./write-model.ts";

export interface ConvertOptions {
  readonly format: Format;
  readonly quantize: Quantize;
  readonly dtype?: FloatDType | undefined;
  /** In bytes. */
  readonly shardSize?: number | undefined;
  readonly force?: boolean | undefined;
}

export async function convert(
  source: string,
  folder: string,
  options: ConvertOptions,
  io: Io,
  library: Library,
): Promise<void> {
  const { format, quantize, dtype, shardSize, force = false } = options;
  if (shardSize !== undefined && format === "gguf") {
    throw new UsageError(
      "--shard-size",
      "safetensors, which may be in several files",
      "--format gguf, which is one file",
    );
  }
  const types = { quantize: quantizedType(quantize), dtype };
  await writeModel("converting", io, (watched) =>
    library.convertModel(source, folder, { format, ...types, shardByteLength: shardSize, force, ...watched }),
  );
}
