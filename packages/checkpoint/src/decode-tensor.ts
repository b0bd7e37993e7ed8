/**
 * A checkpoint's tensor as float32 numbers. For tests, tools and small weights: large ones go to a device in the type
 * they have.
 */

import { bf16ToF32, elementCount, f16ToF32, storageLayout } from "@blackmamba/tensor";
import type { ReadOptions } from "./byte-source.ts";
import type { CheckpointTensor } from "./checkpoint.ts";
import { UnsupportedDtypeError } from "./errors.ts";
import { dequantizeQ8_0 } from "./quantize.ts";

/**
 * The tensor's elements, row-major, as float32; exact for f32, f16 and bf16. Throws `UnsupportedDtypeError` on `u32`,
 * whose values may not fit.
 */
export async function decodeTensor(tensor: CheckpointTensor, options: ReadOptions = {}): Promise<Float32Array> {
  const { name, dtype, shape } = tensor;
  if (dtype === "u32") throw new UnsupportedDtypeError("decodeTensor", name, "u32", "a float type (use read())");
  const bytes = await tensor.read(options);
  const layout = storageLayout(dtype, shape);
  if (dtype !== "q8_0") return decodeFloats(dtype, bytes.subarray(0, layout.values.byteLength));
  const values = new Int8Array(bytes.buffer, bytes.byteOffset, elementCount(shape));
  const scalesByteOffset = layout.scales?.byteOffset ?? 0;
  const scalesEnd = scalesByteOffset + (layout.scales?.byteLength ?? 0);
  const scales = new Uint16Array(aligned(bytes.subarray(scalesByteOffset, scalesEnd)));
  return dequantizeQ8_0({ values, scales });
}

/** Little-endian elements as float32. `bytes` are whole elements. */
export function decodeFloats(dtype: "f32" | "f16" | "bf16", bytes: Uint8Array): Float32Array {
  if (dtype === "f32") return new Float32Array(aligned(bytes));
  const bits = new Uint16Array(aligned(bytes));
  return Float32Array.from(bits, dtype === "f16" ? f16ToF32 : bf16ToF32);
}

/** A copy at the start of a buffer of its own, since a view of wider elements cannot start anywhere. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return copy.buffer;
}
