/**
 * Where a checkpoint's bytes come from: anything that can be read by range. Sources over memory and over a `Blob` (also
 * a `File`) are here. Not here: files by path, which need Node, see `file-source.ts`.
 */

import { ArgumentError, CheckpointError, SourceReadError, TruncatedError } from "./errors.ts";

/** Options of anything that may take long. */
export interface ReadOptions {
  /** Stops the reading; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `ByteSource.read`. */
export interface ReadRangeOptions extends ReadOptions {
  /**
   * Memory for the bytes, where the source can make use of it: what is returned may then be a part of it. Memory that is there
   * already is faster than memory that has to be had.
   */
  readonly into?: Uint8Array | undefined;
}

/** Bytes that can be read by range. Implement this to read checkpoints from anywhere else, such as HTTP. */
export interface ByteSource {
  /** What to call the source in errors, such as a file's name. */
  readonly name: string;
  /** Size of the whole, in bytes. */
  readonly byteLength: number;
  /**
   * The bytes from `byteOffset` on, exactly `byteLength` of them, in an array that the caller may keep and change, or in `into`.
   * Rejects with `TruncatedError` when the source holds fewer.
   */
  read(byteOffset: number, byteLength: number, options?: ReadRangeOptions): Promise<Uint8Array>;
  /**
   * For sources that fetch: says that all of it will be read, and resolves when all of it is there and was found to be right. Until
   * then, what was read may be wrong.
   */
  complete?(options?: ReadOptions): Promise<void>;
  /** Frees what the source holds, such as a file handle. */
  close?(): Promise<void>;
}

/** Files that belong together, wherever they lie. */
export interface FileFolder {
  /** What to call it in errors, such as its path. */
  readonly name: string;
  /** Whether `list` gives every file there is, rather than those that were thought of. */
  readonly isListed: boolean;
  /** Names of its files. */
  list(): Promise<string[]>;
  /** Opens one of them. Rejects if there is none of that name. */
  open(file: string, options?: ReadOptions): Promise<ByteSource>;
}

/** Anything that `toByteSource` makes a source of. */
export type ByteSourceLike = ByteSource | Blob | Uint8Array | ArrayBuffer;

/**
 * A source over a `Blob` or `File`; only the ranges that are read come into memory.
 *
 * @param name in errors; the `File`'s name by default, else "blob"
 */
export function blobSource(blob: Blob, name?: string): ByteSource {
  const sourceName = name ?? ("name" in blob && typeof blob.name === "string" ? blob.name : "blob");
  return {
    name: sourceName,
    byteLength: blob.size,
    async read(byteOffset, byteLength, options = {}) {
      checkRange(sourceName, blob.size, byteOffset, byteLength);
      options.signal?.throwIfAborted();
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(await blob.slice(byteOffset, byteOffset + byteLength).arrayBuffer());
      } catch (cause) {
        // Browsers refuse to read a File that changed on disk since it was picked.
        const message = "could not be read; if it changed on disk since it was chosen, choose it again";
        throw new SourceReadError(sourceName, message, { cause });
      }
      options.signal?.throwIfAborted();
      if (bytes.byteLength !== byteLength) throw shortRead(sourceName, byteOffset, byteLength, bytes.byteLength);
      return bytes;
    },
  };
}

/**
 * A source over bytes in memory. They are not copied until they are read: do not change them meanwhile.
 *
 * @param name in errors; "bytes" by default
 */
export function bytesSource(bytes: Uint8Array, name = "bytes"): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    async read(byteOffset, byteLength, options = {}) {
      checkRange(name, bytes.byteLength, byteOffset, byteLength);
      options.signal?.throwIfAborted();
      // Not `slice`: on a Node Buffer that would share the memory.
      const copy = new Uint8Array(byteLength);
      copy.set(bytes.subarray(byteOffset, byteOffset + byteLength));
      return copy;
    },
  };
}

/** A source over whatever is given; a `ByteSource` is returned as it is, under its own name. */
export function toByteSource(from: ByteSourceLike, name?: string): ByteSource {
  if (from instanceof Uint8Array) return bytesSource(from, name);
  if (from instanceof ArrayBuffer) return bytesSource(new Uint8Array(from), name);
  if (from instanceof Blob) return blobSource(from, name);
  if (typeof from === "object" && from !== null && typeof from.read === "function") return from;
  throw new ArgumentError(
    "toByteSource",
    `a Blob, Uint8Array, ArrayBuffer or ByteSource expected, ${typeof from} found`,
  );
}

/** Throws unless the range lies within a source of `available` bytes. For implementers of `ByteSource`. */
export function checkRange(name: string, available: number, byteOffset: number, byteLength: number): void {
  if (!isCount(byteOffset) || !isCount(byteLength)) {
    throw new ArgumentError(name, `byte range ${byteOffset} + ${byteLength} is not made of non-negative whole numbers`);
  }
  if (byteOffset + byteLength > available) {
    const end = byteOffset + byteLength;
    throw new TruncatedError(name, `bytes ${byteOffset} to ${end} expected, but it ends at byte ${available}`);
  }
}

/** The error for a platform that returned fewer bytes than were there a moment ago. */
export function shortRead(name: string, byteOffset: number, expected: number, found: number): TruncatedError {
  return new TruncatedError(name, `${expected} bytes expected at ${byteOffset}, ${found} found`);
}

/** Throws `CheckpointError`s and abort reasons on as they are; anything else becomes a `SourceReadError`. */
export function rethrowAsSourceError(name: string, cause: unknown, signal?: AbortSignal): never {
  signal?.throwIfAborted();
  if (cause instanceof CheckpointError) throw cause;
  throw new SourceReadError(name, `could not be read (${cause instanceof Error ? cause.message : String(cause)})`, {
    cause,
  });
}

/** Whether `value` can be a size, a count or an offset. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
