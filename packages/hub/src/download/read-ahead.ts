/** Fetching before it is asked for. */

/** Pieces that are on their way. */
export interface ReadAhead {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Ends the fetching, also of pieces that nobody has begun to take. */
  cancel(): void;
}

/**
 * Fetches from now on, however slowly the pieces are taken: all of them may lie in memory.
 *
 * @param fetchPieces - with a signal that ends it
 */
export function readAhead(fetchPieces: (signal: AbortSignal) => AsyncIterable<Uint8Array>): ReadAhead {
  const abort = new AbortController();
  const pieces = new ReadableStream<Uint8Array>({
    async start(controller) {
      try {
        for await (const piece of fetchPieces(abort.signal)) controller.enqueue(piece);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
    },
  });
  return { pieces: take(pieces), cancel: () => abort.abort(new DOMException("no longer wanted", "AbortError")) };
}

/** Streams are iterable themselves, but not in every browser. */
async function* take(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
