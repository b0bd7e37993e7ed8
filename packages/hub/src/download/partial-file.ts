/**
 * Where a download gathers: a file that grows from its front, and stays when the download breaks, the process included.
 */

/** A file that is not whole yet. */
export interface PartialFile {
  /** Bytes that are there, from the first on; some already when an earlier download is continued. */
  readonly byteLength: number;
  /** Adds bytes at the end; they may change once the promise has resolved. */
  append(bytes: Uint8Array): Promise<void>;
  /** Bytes that are there, in an array that the caller may keep. Also after `finish`. */
  read(byteOffset: number, byteLength: number): Promise<Uint8Array>;
  /** Says that it is whole and right: from now on it is found in the cache. */
  finish(): Promise<void>;
  /** Deletes it: it is wrong. */
  discard(): Promise<void>;
  /** Frees what it holds. If it was not finished, it is left to be continued. Safe to call twice, and after the others. */
  close(): Promise<void>;
}
