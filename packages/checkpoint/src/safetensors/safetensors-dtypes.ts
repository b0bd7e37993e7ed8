/**
 * The element types of safetensors and those of this project. Quantised types have no words of their own: see
 * `quantized-pair.ts`.
 */

import type { DType, QuantizedDType } from "@blackmamba/tensor";

/** The format's words for the types that one entry holds. */
export const SAFETENSORS_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["U32", "u32"],
  // Token ids in recorded test data. Ids are never negative, and below 2^31 the bits are the same.
  ["I32", "u32"],
]);

/** The format's word for a type. */
export function safetensorsDtype(dtype: Exclude<DType, QuantizedDType>): string {
  return dtype.toUpperCase();
}
