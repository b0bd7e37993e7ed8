/**
 * Bytes that a kernel has to move, for benches to count.
 */
import { type DType, storageLayout } from "@blackmamba/tensor";

/** Bytes of the elements of a shape in a dtype, scales included, padding not. */
export function weightBytes(dtype: DType, shape: readonly number[]): number {
  const { values, scales } = storageLayout(dtype, shape);
  return values.byteLength + (scales?.byteLength ?? 0);
}
