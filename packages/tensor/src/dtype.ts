/**
 * The element types a tensor may have, and where their bytes lie. Conversion of values is in `float.ts`.
 */

import { ShapeError } from "./errors.ts";

/**
 * - `f32`, `u32`: 4 bytes an element.
 * - `f16`, `bf16`: 2 bytes; weights only, arithmetic is always float32.
 * - `q8_0`: blocks of 32 consecutive elements of a row, one signed byte each, and one f16 scale a block; weights only.
 */
export type DType = "f32" | "u32" | "f16" | "bf16" | "q8_0";

/** Elements that share one scale in `q8_0`. It divides the reduction length of every large matrix of the
 * published models. */
export const Q8_0_BLOCK = 32;

/**
 * Parts of a tensor start at multiples of this, so that each can be bound on its own:
 * the largest `minStorageBufferOffsetAlignment` WebGPU allows.
 */
const PART_ALIGNMENT = 256;

/** A run of bytes within a tensor's storage. */
export interface ByteRange {
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Where a tensor's bytes lie within its storage. */
export interface StorageLayout {
  /** The elements, row-major; for `q8_0` the signed bytes. */
  readonly values: ByteRange;
  /** Only for `q8_0`: one f16 per block, row-major. */
  readonly scales?: ByteRange;
  /** Size of the whole storage, a multiple of 4. */
  readonly byteLength: number;
}

/** The number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** Where the bytes of a tensor of this type and shape lie. Devices, readers and writers all use this layout. */
export function storageLayout(dtype: DType, shape: readonly number[]): StorageLayout {
  if (dtype === "q8_0" && (shape.at(-1) ?? 1) % Q8_0_BLOCK !== 0) {
    throw new ShapeError(`q8_0 [${shape.join(", ")}]: expected rows of a multiple of ${Q8_0_BLOCK} elements`);
  }
  const count = elementCount(shape);
  if (dtype !== "q8_0") {
    const byteLength = count * (dtype === "f16" || dtype === "bf16" ? 2 : 4);
    return { values: { byteOffset: 0, byteLength }, byteLength: roundUp(byteLength, 4) };
  }
  const scalesOffset = roundUp(count, PART_ALIGNMENT);
  const scalesLength = (count / Q8_0_BLOCK) * 2;
  return {
    values: { byteOffset: 0, byteLength: count },
    scales: { byteOffset: scalesOffset, byteLength: scalesLength },
    byteLength: roundUp(scalesOffset + scalesLength, 4),
  };
}

/** `value` raised to the next multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
