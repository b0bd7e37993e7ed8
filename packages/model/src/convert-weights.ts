/**
 * Writes a model's weights to safetensors or GGUF files, in another type if asked for. Not here: the model's other files, which need
 * no conversion, and paths, which only Node knows.
 */
import {
  type ByteSink,
  type Checkpoint,
  type CheckpointTensor,
  type EncodedGgufValue,
  type FloatDType,
  type GgufCheckpoint,
  type GgufValue,
  type WriteProgress,
  writeGguf,
  writeSafetensors,
  writeShards,
} from "@blackmamba/checkpoint";
import { isQuantized, type QuantizedDType } from "@blackmamba/tensor";
import { ggufTokenizerValues } from "@blackmamba/tokenizer";
import { countDTypes } from "./describe.ts";
import { ModelFileError, OptionError } from "./errors.ts";
import { ggufTensors } from "./gguf/gguf-tensors.ts";
import { ggufValues } from "./gguf/gguf-values.ts";
import type { FetchOptions } from "./source/locate.ts";
import { type ModelSource, type OpenedModel, openModel } from "./source/open-model.ts";
import { castWeights, checkDType } from "./weights/cast-weights.ts";
import { checkWeights } from "./weights/load-weights.ts";
import { checkQuantize, quantizedWeights } from "./weights/quantized-weights.ts";
import { weightTable } from "./weights/weight-table.ts";

/** Options of {@link convertWeights}. */
export interface ConvertOptions extends FetchOptions {
  /** What the large matrices become; left out, they are not quantised. As in `LoadOptions`. */
  readonly quantize?: QuantizedDType | undefined;
  /**
   * What every tensor becomes that is not quantised, rounded to the nearest; left out, each stays as it is. A number that is too
   * large for `"f16"` is refused. In a GGUF file vectors, taps, A and D are f32 whatever is asked for, and are not rounded.
   */
  readonly dtype?: FloatDType | undefined;
  /**
   * What is written: safetensors, or a GGUF file with configuration and tokenizer (byte-level BPE) within, under
   * llama.cpp's names. Default `"safetensors"`. A GGUF file can become another one only, which has its metadata; safetensors need a
   * config.json, and A_log, which the A of a GGUF file does not give back to the last bit.
   */
  readonly format?: "safetensors" | "gguf" | undefined;
  /** Most bytes of tensors in a file: more make several safetensors files with an index, as transformers writes them. */
  readonly shardByteLength?: number | undefined;
  /** Ends it; the promise rejects with the signal's reason, and the sink is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk that was written. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/** What was written. */
export interface ConvertedWeights {
  /** Size of the file, or of all together. */
  readonly byteLength: number;
  /** How many tensors have each dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** Names of the files: `["model.safetensors"]` or `["model.gguf"]`; of several, the index last. */
  readonly files: readonly string[];
}

/** Where what is converted goes: one file, or a file for each name that is asked for. */
export type ConvertTarget = ByteSink | ((file: string) => Promise<ByteSink>);

/**
 * Converts the weights of a model, chunk by chunk: memory does not grow with the model, but for GGUF by one stack of experts.
 * Loading the result gives the same as loading the source with the same `quantize`, bit for bit, where `dtype` is left out.
 *
 * @param target - closed at the end, aborted on any error. With `shardByteLength` a function; of several files, those that are
 *   whole are closed, and stay closed on an error in a later one
 * @throws ModelFileError, ModelConfigError, ModelWeightsError, CheckpointError, OptionError, and what the target throws
 */
export async function convertWeights(
  source: ModelSource,
  target: ConvertTarget,
  options: ConvertOptions = {},
): Promise<ConvertedWeights> {
  try {
    const format = checkOptions(target, options);
    options.signal?.throwIfAborted();
    const opened = await openModel(source, options);
    try {
      const converted = convertTensors(opened, format, options);
      // All of it, before anything is made of it: what is fetched is known to be right only at its end.
      await opened.complete();
      return await (format === "gguf" ? writeAsGguf : writeAsSafetensors)(converted, opened, target, options);
    } finally {
      await opened.checkpoint.close();
    }
  } catch (error) {
    // A second time where writing had begun, which does nothing.
    if (typeof target !== "function") await target.abort(error).catch(() => {});
    throw error;
  }
}

type Format = NonNullable<ConvertOptions["format"]>;

function checkOptions(
  target: ConvertTarget,
  { quantize, dtype, format = "safetensors", shardByteLength }: ConvertOptions,
): Format {
  checkQuantize(quantize);
  checkDType(dtype);
  if (format !== "safetensors" && format !== "gguf") throw new OptionError("format", '"safetensors" or "gguf"', format);
  if (shardByteLength === undefined) return format;
  if (!(shardByteLength > 0)) throw new OptionError("shardByteLength", "a number of bytes above 0", shardByteLength);
  if (format === "gguf") {
    throw new OptionError("shardByteLength", "safetensors, which may be in several files", "a GGUF file, which is one");
  }
  if (typeof target !== "function") {
    throw new OptionError("shardByteLength", "a function that makes a sink for each file", "one sink");
  }
  return format;
}

/** The tensors in the types they are to have. */
function convertTensors(
  { config, checkpoint }: OpenedModel,
  format: Format,
  { quantize, dtype }: ConvertOptions,
): Checkpoint {
  if (config.layout === "gguf" && format !== "gguf") {
    const expected = `a model with a config.json for a safetensors file to go with, found a GGUF file, which has none`;
    throw new ModelFileError(
      `${checkpoint.name}: expected ${expected}; convert it to the format gguf, or load it as it is`,
    );
  }
  const table = weightTable(config);
  checkWeights(checkpoint, table);
  const quantized = quantize ? quantizedWeights(checkpoint, table, quantize) : checkpoint;
  return dtype ? castWeights(quantized, table, dtype, format === "gguf" ? "matrices" : "all") : quantized;
}

async function writeAsGguf(
  converted: Checkpoint,
  opened: OpenedModel,
  target: ConvertTarget,
  options: ConvertOptions,
): Promise<ConvertedWeights> {
  const { config } = opened;
  const isGguf = config.layout === "gguf";
  const tensors = isGguf ? [...converted.tensors.values()] : ggufTensors(converted, config);
  const values = isGguf ? await valuesAgain(converted as GgufCheckpoint, options) : valuesOf(opened);
  const { signal, onProgress } = options;
  const sink = await openSink(target, GGUF_FILE);
  const byteLength = await writeGguf(tensors, sink, { values, signal, onProgress });
  return { byteLength, dtypes: countDTypes(tensors), files: [GGUF_FILE] };
}

function valuesOf({ config, tokenizerFiles: { json, config: settings } }: OpenedModel): Map<string, GgufValue> {
  const tokenizer = json === undefined ? undefined : ggufTokenizerValues(json, settings, config.vocab);
  return new Map([...ggufValues(config), ...(tokenizer ?? [])]);
}

/** llama.cpp's numbers for what most of a file's matrices are. It tells people, and decides nothing. */
const FILE_TYPES: Readonly<Record<FloatDType | QuantizedDType, number>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q8_0: 7,
  bf16: 32,
};

/** A GGUF file's own values, less what is of that file alone. */
async function valuesAgain(
  { readEncodedValues }: GgufCheckpoint,
  { quantize, dtype, signal }: ConvertOptions,
): Promise<Map<string, GgufValue | EncodedGgufValue>> {
  const values = new Map<string, GgufValue | EncodedGgufValue>(await readEncodedValues({ signal }));
  // Where its tensors lay; these lie as the format has them by default.
  values.delete("general.alignment");
  const type = quantize ?? dtype;
  if (type && values.has("general.file_type")) values.set("general.file_type", FILE_TYPES[type]);
  return values;
}

async function writeAsSafetensors(
  converted: Checkpoint,
  { checkpoint }: OpenedModel,
  target: ConvertTarget,
  { shardByteLength, signal, onProgress }: ConvertOptions,
): Promise<ConvertedWeights> {
  const tensors = [...converted.tensors.values()];
  const dtypes = countDTypes(tensors);
  const options = { metadata: metadataOf(checkpoint, tensors), signal, onProgress };
  if (shardByteLength !== undefined && typeof target === "function") {
    return { dtypes, ...(await writeShards(tensors, target, { ...options, shardByteLength })) };
  }
  const sink = await openSink(target, SAFETENSORS_FILE);
  return { byteLength: await writeSafetensors(tensors, sink, options), dtypes, files: [SAFETENSORS_FILE] };
}

const [SAFETENSORS_FILE, GGUF_FILE] = ["model.safetensors", "model.gguf"];

function metadataOf(checkpoint: Checkpoint, tensors: readonly CheckpointTensor[]): Record<string, string> {
  const quantization = tensors.map(({ dtype }) => dtype).filter(isQuantized);
  return {
    format: "pt",
    ...checkpoint.metadata,
    ...(quantization.length > 0 && { quantization: [...new Set(quantization)].sort().join(", ") }),
  };
}

function openSink(target: ConvertTarget, file: string): Promise<ByteSink> {
  return typeof target === "function" ? target(file) : Promise.resolve(target);
}
