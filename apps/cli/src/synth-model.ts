/**
 * Writes a model of random weights, in the published layout and of a published shape: for measuring loading and conversion where
 * the published files are not at hand. Nothing sensible can be generated with it.
 */
import { join } from "node:path";
import { fillRandomWords, weightBytes } from "@blackmamba/bench";
import {
  type CheckpointTensor,
  DEFAULT_CHUNK_BYTE_LENGTH,
  tensorFromChunks,
  writeSafetensors,
  writeTorch,
} from "@blackmamba/checkpoint";
import { parseConfig, type StoredTensor, storedTensors } from "@blackmamba/model";
import { PRESETS } from "./bench/presets.ts";
import { distribution } from "./bench/random-weights.ts";
import type { ConvertedModel, SynthModelOptions } from "./library.ts";
import type { FloatDType } from "./options.ts";
import { ENTRIES } from "./output-folder/model-names.ts";
import { writeModelFolder } from "./output-folder/write-model-folder.ts";

/**
 * Writes `config.json` and `pytorch_model.bin` or `model.safetensors`: every tensor of the preset, of random elements that behave
 * as trained ones do (`random-weights.ts`). The same seed gives the same files. Memory does not grow with the model.
 *
 * @param folder - made if it is not there; on an error or an abort it is as it was before
 */
export async function synthModel(
  folder: string,
  { preset, dtype, format, seed, force, signal, onProgress }: SynthModelOptions,
): Promise<ConvertedModel> {
  const json = `${JSON.stringify(PRESETS[preset], null, 2)}\n`;
  const others = async () => new Map([["config.json", new TextEncoder().encode(json)]]);
  const stored = storedTensors(parseConfig(PRESETS[preset], "config.json"));
  const tensors = stored.map((tensor, index) => randomTensor(tensor, dtype, seed + index));
  const file = ENTRIES[format];
  return writeModelFolder(folder, { format, force, others, signal }, async (open) => {
    const sink = await open(file);
    const byteLength =
      format === "bin"
        ? await writeTorch(tensors, sink, { key: "model", signal, onProgress })
        : await writeSafetensors(tensors, sink, { metadata: { format: "pt" }, signal, onProgress });
    return { path: join(folder, file), byteLength, dtypes: { [dtype]: tensors.length }, files: [file] };
  });
}

function randomTensor({ name, shape }: StoredTensor, dtype: FloatDType, seed: number): CheckpointTensor {
  const byteLength = weightBytes(dtype, shape);
  const params = {
    ...{ encoding: dtype, seed, ...distribution(name, shape) },
    ...(name.endsWith("A_log") && { map: (A: number) => Math.log(-A) }),
  };
  return tensorFromChunks({ name, dtype, shape }, async function* ({ signal }) {
    const words = new Uint32Array(Math.min(DEFAULT_CHUNK_BYTE_LENGTH, Math.ceil(byteLength / 4) * 4) / 4);
    const bytes = new Uint8Array(words.buffer);
    for (let byteOffset = 0; byteOffset < byteLength; byteOffset += bytes.length) {
      signal?.throwIfAborted();
      fillRandomWords(words, { ...params, firstWord: byteOffset / 4 });
      yield { byteOffset, bytes: bytes.subarray(0, byteLength - byteOffset) };
    }
  });
}
