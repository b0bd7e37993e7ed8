/** A sink that keeps what it is given, for tests. */

import type { ByteSink } from "../byte-sink.ts";

/** What became of the sink. */
export interface MemorySink extends ByteSink {
  readonly state: () => "open" | "closed" | "aborted";
  /** Everything written so far. */
  readonly bytes: () => Uint8Array;
}

/** @param failAtWrite the write of that number rejects; none by default */
export function memorySink(failAtWrite = Number.POSITIVE_INFINITY): MemorySink {
  const pieces: Uint8Array[] = [];
  let state: "open" | "closed" | "aborted" = "open";
  return {
    async write(bytes) {
      if (pieces.length >= failAtWrite) throw new Error("disk full");
      pieces.push(bytes.slice());
    },
    async close() {
      state = "closed";
    },
    async abort() {
      state = "aborted";
    },
    state: () => state,
    bytes: () => {
      const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.byteLength;
      }
      return bytes;
    },
  };
}
