/**
 * A tensor's chunks, of which the next is read while one is worked on: reading costs a disk or a network time, working the processor.
 */
import type { TensorChunk } from "./checkpoint.ts";

/**
 * The same chunks, each a copy: the one that it is of is given up when the next is asked for.
 *
 * What reading the next one throws is thrown when its turn comes.
 */
export async function* chunksAhead(chunks: AsyncIterable<TensorChunk>): AsyncGenerator<TensorChunk> {
  const iterator = chunks[Symbol.asyncIterator]();
  let room = new Uint8Array(0);
  try {
    let next = iterator.next();
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      const { byteOffset, bytes } = value;
      if (room.length < bytes.length) room = new Uint8Array(bytes.length);
      room.set(bytes);
      next = iterator.next();
      // It is awaited above, unless nobody asks for it.
      next.catch(() => {});
      yield { byteOffset, bytes: room.subarray(0, bytes.length) };
    }
  } finally {
    await iterator.return?.();
  }
}
