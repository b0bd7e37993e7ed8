/**
 * A tensor's chunks as a stream of bytes, checked: for formats in which a tensor's bytes lie one after another.
 */
import { storageLayout } from "@blackmamba/tensor";
import type { ReadOptions } from "./byte-source.ts";
import type { CheckpointTensor } from "./checkpoint.ts";
import { WriteMismatchError } from "./errors.ts";

/**
 * The bytes of a tensor that is not quantised, in order and without gaps.
 *
 * Throws `WriteMismatchError` where the chunks are not what the shape calls for.
 */
export async function* orderedBytes(
  { name, dtype, shape, chunks }: Pick<CheckpointTensor, "name" | "dtype" | "shape" | "chunks">,
  { signal }: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  const { byteLength } = storageLayout(dtype, shape).values;
  let next = 0;
  for await (const { byteOffset, bytes } of chunks({ signal })) {
    if (byteOffset !== next || next + bytes.byteLength > byteLength) {
      const found = `${bytes.byteLength} at ${byteOffset} found; chunks come in order and without gaps`;
      throw new WriteMismatchError(name, `bytes from ${next} to ${byteLength} expected, ${found}`);
    }
    next += bytes.byteLength;
    yield bytes;
  }
  if (next !== byteLength) {
    throw new WriteMismatchError(name, `its chunks end at byte ${next}, ${byteLength} bytes expected`);
  }
}
