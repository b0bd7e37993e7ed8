/**
 * Opens a safetensors file. Only its header is read at opening. Not here: models in several files, and writing.
 */

import { type CodedError, storageLayout } from "@blackmamba/tensor";
import type { ByteSource, ReadOptions } from "../byte-source.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint.ts";
import { QuantizedPairError, UnsupportedDtypeError } from "../errors.ts";
import { type SourceRange, tensorFromRanges } from "../tensor-from.ts";
import { quantizedDType, scalesName, shapeOfPair } from "./quantized-pair.ts";
import { SAFETENSORS_DTYPES } from "./safetensors-dtypes.ts";
import { readSafetensorsHeader, type SafetensorsEntry } from "./safetensors-header.ts";

/**
 * Opens a safetensors file: F32, F16, BF16, U32, I32 (given as `u32`, the same bits), and `q8_0` and `q4_0` as this
 * package writes them, where `X` (I8 or U8) and `X.scales` (F16) are given as one tensor `X`.
 *
 * Tensors of other types are in `refused`, each with its error: `UnsupportedDtypeError`, or `QuantizedPairError` for an
 * I8 or U8 tensor without scales that fit.
 *
 * The checkpoint owns the source and closes it; if opening fails, the source stays open.
 *
 * Throws `EmptyFileError`, `TruncatedError`, `SafetensorsHeaderError`, `LimitError`.
 */
export async function openSafetensors(source: ByteSource, options: ReadOptions = {}): Promise<Checkpoint> {
  const { entries, metadata } = await readSafetensorsHeader(source, options);
  const tensors = new Map<string, CheckpointTensor>();
  const refused = new Map<string, CodedError>();
  const usedScales = new Set<string>();
  for (const entry of entries.values()) {
    if (!quantizedDType(entry)) continue;
    const scales = entries.get(scalesName(entry.name));
    if (scales?.dtype === "F16") usedScales.add(scales.name);
  }
  for (const entry of entries.values()) {
    if (usedScales.has(entry.name)) continue;
    try {
      tensors.set(entry.name, safetensorsTensor(source, entry, entries.get(scalesName(entry.name))));
    } catch (error) {
      if (!(error instanceof UnsupportedDtypeError) && !(error instanceof QuantizedPairError)) throw error;
      refused.set(entry.name, error);
    }
  }
  return {
    name: source.name,
    tensors,
    refused,
    metadata,
    close: async () => source.close?.(),
  };
}

function safetensorsTensor(
  source: ByteSource,
  entry: SafetensorsEntry,
  scales: SafetensorsEntry | undefined,
): CheckpointTensor {
  const { name, shape } = entry;
  const quantized = quantizedDType(entry);
  if (quantized) {
    const whole = shapeOfPair(source.name, quantized, entry, scales);
    const layout = storageLayout(quantized, whole);
    const ranges: SourceRange[] = [{ part: layout.values, sourceByteOffset: entry.byteOffset }];
    if (layout.scales && scales) ranges.push({ part: layout.scales, sourceByteOffset: scales.byteOffset });
    return tensorFromRanges({ name, dtype: quantized, shape: whole }, source, ranges);
  }
  const dtype = SAFETENSORS_DTYPES.get(entry.dtype);
  if (!dtype) {
    const expected = [...SAFETENSORS_DTYPES.keys()].join(", ");
    throw new UnsupportedDtypeError(source.name, name, entry.dtype, `${expected}, or I8 or U8 with scales`);
  }
  const part = storageLayout(dtype, shape).values;
  return tensorFromRanges({ name, dtype, shape }, source, [{ part, sourceByteOffset: entry.byteOffset }]);
}
