/**
 * The element types a tensor may have, and where their bytes lie. Conversion of values is in `float.ts`.
 */

import { ShapeError } from "./errors.ts";

/**
 * - `f32`, `u32`: 4 bytes an element.
 * - `f16`, `bf16`: 2 bytes; weights only, arithmetic is always float32.
 * - `q8_0`: blocks of 32 consecutive elements of a row, one signed byte each, and one f16 scale a block; weights only.
 * - `q4_0`: as `q8_0`, with half a byte for each element: element e of a block is in byte ⌊e / 2⌋, the lower half for even
 *   e. It holds 0 to 15 and stands for (itself − 8) · scale.
 */
export type DType = "f32" | "u32" | "f16" | "bf16" | QuantizedDType;

/** The types whose elements come in blocks that share a scale. */
export type QuantizedDType = "q8_0" | "q4_0";

/** Elements that share one scale in `q8_0` and `q4_0`. It divides the reduction length of every large matrix of the
 * published models. */
export const QUANT_BLOCK = 32;

/** What is subtracted from an element of `q4_0` before it is multiplied with its scale. */
export const Q4_0_ZERO = 8;

/** Bits of an element, less its share of a scale. */
const ELEMENT_BITS: Readonly<Record<DType, number>> = { f32: 32, u32: 32, f16: 16, bf16: 16, q8_0: 8, q4_0: 4 };

/**
 * Parts of a tensor start at multiples of this, so that each can be bound on its own:
 * the largest `minStorageBufferOffsetAlignment` WebGPU allows.
 */
export const PART_ALIGNMENT = 256;

/** A run of bytes within a tensor's storage. */
export interface ByteRange {
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Where a tensor's bytes lie within its storage. */
export interface StorageLayout {
  /** The elements, row-major. */
  readonly values: ByteRange;
  /** Only for `q8_0` and `q4_0`: one f16 per block, row-major. */
  readonly scales?: ByteRange;
  /** Size of the whole storage, a multiple of 4. */
  readonly byteLength: number;
}

/** The number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** Whether the type's elements come in blocks that share a scale. */
export function isQuantized(dtype: DType): dtype is QuantizedDType {
  return dtype === "q8_0" || dtype === "q4_0";
}

/** Where the bytes of a tensor of this type and shape lie. Devices, readers and writers all use this layout. */
export function storageLayout(dtype: DType, shape: readonly number[]): StorageLayout {
  const count = elementCount(shape);
  const values = { byteOffset: 0, byteLength: (count * ELEMENT_BITS[dtype]) / 8 };
  if (!isQuantized(dtype)) return { values, byteLength: roundUp(values.byteLength, 4) };
  if ((shape.at(-1) ?? 1) % QUANT_BLOCK !== 0) {
    throw new ShapeError(`${dtype} [${shape.join(", ")}]: expected rows of a multiple of ${QUANT_BLOCK} elements`);
  }
  const scales = { byteOffset: roundUp(values.byteLength, PART_ALIGNMENT), byteLength: (count / QUANT_BLOCK) * 2 };
  return { values, scales, byteLength: roundUp(scales.byteOffset + scales.byteLength, 4) };
}

/** `value` raised to the next multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
