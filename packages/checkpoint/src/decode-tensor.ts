/**
 * A checkpoint's tensor as float32 numbers. For tests, tools and small weights: large ones go to a device in the type
 * they have.
 */

import { type DType, isQuantized, type QuantizedDType, storageLayout, wideningTable } from "@blackmamba/tensor";
import type { ReadOptions } from "./byte-source.ts";
import type { CheckpointTensor } from "./checkpoint.ts";
import { UnsupportedDtypeError } from "./errors.ts";
import type { QuantizedBlocks } from "./quantize/blocks.ts";
import { DEQUANTIZERS } from "./quantize/quantize.ts";

/**
 * The tensor's elements, row-major, as float32; exact for f32, f16 and bf16. Throws `UnsupportedDtypeError` on `u32`,
 * whose values may not fit.
 */
export async function decodeTensor(tensor: CheckpointTensor, options: ReadOptions = {}): Promise<Float32Array> {
  const { name, dtype, shape } = tensor;
  if (dtype === "u32") throw new UnsupportedDtypeError("decodeTensor", name, "u32", "a float type (use read())");
  const bytes = await tensor.read(options);
  if (isQuantized(dtype)) return DEQUANTIZERS[dtype](blocksOf(dtype, shape, bytes));
  return decodeFloats(dtype, bytes.subarray(0, storageLayout(dtype, shape).values.byteLength));
}

/** Little-endian elements as float32. `bytes` are whole elements. */
export function decodeFloats(dtype: Exclude<DType, QuantizedDType | "u32">, bytes: Uint8Array): Float32Array {
  if (dtype === "f32") return new Float32Array(aligned(bytes));
  const bits = new Uint16Array(aligned(bytes));
  const table = wideningTable(dtype);
  const floats = new Float32Array(bits.length);
  for (let index = 0; index < floats.length; index++) floats[index] = table[bits[index] as number] as number;
  return floats;
}

/** The blocks in the bytes of a whole tensor. */
export function blocksOf(dtype: QuantizedDType, shape: readonly number[], bytes: Uint8Array): QuantizedBlocks {
  const { values, scales = values } = storageLayout(dtype, shape);
  const range = [bytes.buffer, bytes.byteOffset, values.byteLength] as const;
  const scaleBytes = bytes.subarray(scales.byteOffset, scales.byteOffset + scales.byteLength);
  return {
    values: dtype === "q8_0" ? new Int8Array(...range) : new Uint8Array(...range),
    scales: new Uint16Array(aligned(scaleBytes)),
  };
}

/** A copy at the start of a buffer of its own, since a view of wider elements cannot start anywhere. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return copy.buffer;
}
