/**
 * The types of a GGUF file's metadata, by the format's numbers: the one table for reading and writing.
 */
import type { GgufArray } from "./gguf-values.ts";

export const [U32, I32, F32, BOOL, STRING, ARRAY, U64] = [4, 5, 6, 7, 8, 9, 10] as const;

/** Makes an array of numbers of the bytes of some. */
export interface NumberArray {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): Extract<GgufArray, ArrayBufferView>;
}

/** Arrays of numbers. */
export const NUMBER_ARRAYS: ReadonlyMap<number, NumberArray> = new Map<number, NumberArray>([
  [0, Uint8Array],
  [1, Int8Array],
  [2, Uint16Array],
  [3, Int16Array],
  [U32, Uint32Array],
  [I32, Int32Array],
  [F32, Float32Array],
  [U64, BigUint64Array],
  [11, BigInt64Array],
  [12, Float64Array],
]);
