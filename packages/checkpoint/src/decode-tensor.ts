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

/** Little-endian elements as float32. `bytes` are whole elements; the result may share their memory. */
export function decodeFloats(dtype: Exclude<DType, QuantizedDType | "u32">, bytes: Uint8Array): Float32Array {
  if (dtype === "f32") return viewBytes(Float32Array, bytes);
  const bits = viewBytes(Uint16Array, bytes);
  const floats = new Float32Array(bits.length);
  if (dtype === "bf16") {
    // It is the upper half of a float32.
    const wide = new Uint32Array(floats.buffer);
    for (let index = 0; index < wide.length; index++) wide[index] = (bits[index] as number) << 16;
  } else {
    const table = wideningTable(dtype);
    for (let index = 0; index < floats.length; index++) floats[index] = table[bits[index] as number] as number;
  }
  return floats;
}

/** The blocks in the bytes of a whole tensor. */
export function blocksOf(dtype: QuantizedDType, shape: readonly number[], bytes: Uint8Array): QuantizedBlocks {
  const { values, scales = values } = storageLayout(dtype, shape);
  const [valueBytes, scaleBytes] = [values, scales].map(({ byteOffset, byteLength }) =>
    bytes.subarray(byteOffset, byteOffset + byteLength),
  ) as [Uint8Array, Uint8Array];
  return {
    values: dtype === "q8_0" ? viewBytes(Int8Array, valueBytes) : valueBytes,
    scales: viewBytes(Uint16Array, scaleBytes),
  };
}

interface NumberArray<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): T;
}

/** The bytes as wider elements; of a copy, where their place in memory does not allow it. */
export function viewBytes<T>(Numbers: NumberArray<T>, bytes: Uint8Array): T {
  const size = Numbers.BYTES_PER_ELEMENT;
  const placed = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new Numbers(placed.buffer, placed.byteOffset, placed.byteLength / size);
}
