/**
 * A place in memory for a written file.
 */
import type { ByteSink } from "@blackmamba/checkpoint";

/** A sink, and what it holds. */
export interface MemorySink extends ByteSink {
  /** Everything written so far. */
  blob(): Blob;
  state(): "open" | "closed" | "aborted";
}

/** Makes an empty one. */
export function memorySink(): MemorySink {
  const pieces: BlobPart[] = [];
  let state: ReturnType<MemorySink["state"]> = "open";
  return {
    write: async (bytes) => void pieces.push(bytes.slice()),
    async close() {
      state = "closed";
    },
    async abort() {
      state = "aborted";
    },
    blob: () => new Blob(pieces),
    state: () => state,
  };
}
