/**
 * Where a written file's bytes go, one piece after another. A `WritableStreamDefaultWriter` is one already, such as that
 * of a browser's `FileSystemFileHandle`. Not here: files by path, which need Node, see `node.ts`.
 */

/** Takes bytes in order. Exactly one of `close` and `abort` ends it. */
export interface ByteSink {
  /** Takes the bytes; they may change once the promise has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written final. */
  close(): Promise<void>;
  /** Drops what was written. */
  abort(reason?: unknown): Promise<void>;
}

/** Writes all there is to write, and closes the sink; aborts it on any error. */
export async function writeAll(sink: ByteSink, bytes: Uint8Array): Promise<void> {
  try {
    await sink.write(bytes);
    await sink.close();
  } catch (error) {
    await sink.abort(error).catch(() => {});
    throw error;
  }
}
