/**
 * Writes a model's weights to a safetensors or a GGUF file, quantised if asked for. Not here: the model's other files, which need
 * no conversion, and paths, which only Node knows.
 */
import { type ByteSink, type WriteProgress, writeGguf, writeSafetensors } from "@blackmamba/checkpoint";
import { isQuantized, type QuantizedDType } from "@blackmamba/tensor";
import { ggufTokenizerValues } from "@blackmamba/tokenizer";
import { countDTypes } from "./describe.ts";
import { ModelFileError, OptionError } from "./errors.ts";
import { ggufTensors } from "./gguf/gguf-tensors.ts";
import { ggufValues } from "./gguf/gguf-values.ts";
import type { FetchOptions } from "./source/locate.ts";
import { type ModelSource, openModel } from "./source/open-model.ts";
import { checkWeights } from "./weights/load-weights.ts";
import { checkQuantize, quantizedWeights } from "./weights/quantized-weights.ts";
import { weightTable } from "./weights/weight-table.ts";

/** Options of {@link convertWeights}. */
export interface ConvertOptions extends FetchOptions {
  /** What the large matrices become; left out, every tensor stays as it is. As in `LoadOptions`. */
  readonly quantize?: QuantizedDType | undefined;
  /**
   * What is written: one safetensors file, or a GGUF file with configuration and tokenizer (byte-level BPE) within, under
   * llama.cpp's names. Default `"safetensors"`.
   */
  readonly format?: "safetensors" | "gguf" | undefined;
  /** Ends it; the promise rejects with the signal's reason, and the sink is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk that was written. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/** What was written. */
export interface ConvertedWeights {
  /** Size of the file. */
  readonly byteLength: number;
  /** How many tensors have each dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
}

/**
 * Converts the weights of a model to one file, chunk by chunk: memory does not grow with the model, but for GGUF by one stack of
 * experts. Loading the file gives the same as loading the source with the same `quantize`, bit for bit.
 *
 * @param sink - where the file goes; closed at the end, aborted on any error
 * @throws ModelFileError, ModelConfigError, ModelWeightsError, CheckpointError, OptionError, and what the sink throws
 */
export async function convertWeights(
  source: ModelSource,
  sink: ByteSink,
  { quantize, format = "safetensors", signal, onProgress, hub, onFetch }: ConvertOptions = {},
): Promise<ConvertedWeights> {
  try {
    checkQuantize(quantize);
    if (format !== "safetensors" && format !== "gguf")
      throw new OptionError("format", '"safetensors" or "gguf"', format);
    signal?.throwIfAborted();
    const { config, checkpoint, tokenizerFiles } = await openModel(source, { hub, onFetch, signal });
    try {
      if (config.layout === "gguf") {
        const expected =
          "expected a model with a config.json, found a GGUF file, which has none to go with a safetensors file";
        throw new ModelFileError(`${checkpoint.name}: ${expected}; load it as it is`);
      }
      const table = weightTable(config);
      checkWeights(checkpoint, table);
      const converted = quantize ? quantizedWeights(checkpoint, table, quantize) : checkpoint;
      if (format === "gguf") {
        const tensors = ggufTensors(converted, config);
        const { json, config: settings } = tokenizerFiles;
        const tokenizer = json === undefined ? undefined : ggufTokenizerValues(json, settings, config.vocab);
        const values = new Map([...ggufValues(config), ...(tokenizer ?? [])]);
        return {
          byteLength: await writeGguf(tensors, sink, { values, signal, onProgress }),
          dtypes: countDTypes(tensors),
        };
      }
      const tensors = [...converted.tensors.values()];
      const dtypes = countDTypes(tensors);
      const quantization = tensors.map(({ dtype }) => dtype).filter(isQuantized);
      const metadata = {
        format: "pt",
        ...checkpoint.metadata,
        ...(quantization.length > 0 && { quantization: [...new Set(quantization)].sort().join(", ") }),
      };
      return { byteLength: await writeSafetensors(tensors, sink, { metadata, signal, onProgress }), dtypes };
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    // A second time where writing had begun, which does nothing.
    await sink.abort(error).catch(() => {});
    throw error;
  }
}
