/**
 * Writes a model's weights to a safetensors file, quantised if asked for. Not here: the model's other files, which need
 * no conversion, and paths, which only Node knows.
 */
import { type ByteSink, type WriteProgress, writeSafetensors } from "@blackmamba/checkpoint";
import { isQuantized, type QuantizedDType } from "@blackmamba/tensor";
import { countDTypes } from "./describe.ts";
import { ModelFileError } from "./errors.ts";
import { type ModelSource, openModel } from "./source.ts";
import { checkWeights } from "./weights/load-weights.ts";
import { checkQuantize, quantizedWeights } from "./weights/quantized-weights.ts";
import { weightTable } from "./weights/weight-table.ts";

/** Options of {@link convertWeights}. */
export interface ConvertOptions {
  /** What the large matrices become; left out, every tensor stays as it is. As in `LoadOptions`. */
  readonly quantize?: QuantizedDType | undefined;
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
 * Converts the weights of a model to one safetensors file, chunk by chunk: memory does not grow with the model. Loading
 * the file gives the same as loading the source with the same `quantize`, bit for bit.
 *
 * @param sink - where the file goes; closed at the end, aborted on any error
 * @throws ModelFileError, ModelConfigError, ModelWeightsError, CheckpointError, OptionError, and what the sink throws
 */
export async function convertWeights(
  source: ModelSource,
  sink: ByteSink,
  { quantize, signal, onProgress }: ConvertOptions = {},
): Promise<ConvertedWeights> {
  try {
    checkQuantize(quantize);
    signal?.throwIfAborted();
    const { config, checkpoint } = await openModel(source, signal);
    try {
      if (config.layout === "gguf") {
        const expected =
          "expected a model with a config.json, found a GGUF file, which has none to go with a safetensors file";
        throw new ModelFileError(`${checkpoint.name}: ${expected}; load it as it is`);
      }
      const table = weightTable(config);
      checkWeights(checkpoint, table);
      const converted = quantize ? quantizedWeights(checkpoint, table, quantize) : checkpoint;
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
