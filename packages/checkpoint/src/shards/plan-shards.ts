/**
 * Which tensor goes into which of several files, as transformers shares them out. Not here: writing them, see `write-shards.ts`.
 */
import { storageLayout } from "@blackmamba/tensor";
import type { CheckpointTensor } from "../checkpoint.ts";

/** Bytes of a tensor in a file, its scales included. */
export function tensorByteLength({ dtype, shape }: Pick<CheckpointTensor, "dtype" | "shape">): number {
  const { values, scales } = storageLayout(dtype, shape);
  return values.byteLength + (scales?.byteLength ?? 0);
}

/**
 * Shares tensors out, in their order: each file takes the next ones as long as they fit. A tensor that is larger than a file may be
 * has one to itself.
 *
 * @param shardByteLength - most bytes of tensors in a file
 */
export function planShards<T extends Pick<CheckpointTensor, "dtype" | "shape">>(
  tensors: readonly T[],
  shardByteLength: number,
): T[][] {
  const shards: T[][] = [];
  let current: T[] = [];
  let byteLength = 0;
  for (const tensor of tensors) {
    const own = tensorByteLength(tensor);
    if (own > shardByteLength) {
      shards.push([tensor]);
      continue;
    }
    if (byteLength + own > shardByteLength) {
      shards.push(current);
      current = [];
      byteLength = 0;
    }
    current.push(tensor);
    byteLength += own;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}
