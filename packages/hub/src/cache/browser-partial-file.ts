/**
 * A file in the origin private file system, in parts: what was written to a file there is lost unless it is closed, and closing one is
 * dear, so a part is written when it is full.
 */

import type { PartialFile } from "../download/partial-file.ts";
import { CacheError } from "../errors.ts";

/** What is lost when the tab dies, and what is held in memory until then. */
export const PART_BYTE_LENGTH = 8 * 1024 * 1024;

/** Written last; without it the parts are a download that broke. */
const MARK = "whole";

/** The parts of a file that are there, in order. */
export async function partsOf(folder: FileSystemDirectoryHandle): Promise<File[]> {
  const parts: File[] = [];
  for (;;) {
    const part = await fileIn(folder, String(parts.length));
    // Of the parts before the last, each is full; one that is not was cut.
    if (!part || part.size === 0) return parts;
    parts.push(part);
    if (part.size < PART_BYTE_LENGTH) return parts;
  }
}

/** The whole file, if it is whole. */
export async function wholeFile(folder: FileSystemDirectoryHandle): Promise<Blob | undefined> {
  return (await fileIn(folder, MARK)) ? new Blob(await partsOf(folder)) : undefined;
}

/**
 * Begins a file, or goes on with what is there.
 *
 * @param release - called once, when nobody writes to it any longer
 */
export async function openBrowserPartialFile(
  name: string,
  folder: FileSystemDirectoryHandle,
  release: () => void,
): Promise<PartialFile> {
  const parts = (await partsOf(folder)).filter(({ size }) => size === PART_BYTE_LENGTH);
  return new BrowserPartialFile(name, folder, parts, release);
}

class BrowserPartialFile implements PartialFile {
  byteLength: number;
  readonly #name: string;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #parts: File[];
  readonly #release: () => void;
  /** The part that is being filled. */
  #last = new Uint8Array(PART_BYTE_LENGTH);
  #isClosed = false;

  constructor(name: string, folder: FileSystemDirectoryHandle, parts: File[], release: () => void) {
    this.#name = name;
    this.#folder = folder;
    this.#parts = parts;
    this.#release = release;
    this.byteLength = parts.length * PART_BYTE_LENGTH;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const at = this.byteLength % PART_BYTE_LENGTH;
      const piece = bytes.subarray(done, done + PART_BYTE_LENGTH - at);
      this.#last.set(piece, at);
      this.byteLength += piece.byteLength;
      done += piece.byteLength;
      if (this.byteLength % PART_BYTE_LENGTH === 0) await this.#writePart(PART_BYTE_LENGTH);
    }
  }

  async read(byteOffset: number, byteLength: number): Promise<Uint8Array> {
    const written = this.#parts.reduce((sum, { size }) => sum + size, 0);
    // While the parts are read, it may become full and another take its place.
    const last = this.#last;
    const bytes = new Uint8Array(byteLength);
    const fromParts = Math.max(0, Math.min(byteLength, written - byteOffset));
    if (fromParts > 0) {
      const blob = new Blob(this.#parts).slice(byteOffset, byteOffset + fromParts);
      bytes.set(new Uint8Array(await this.#attempt("read", blob.arrayBuffer())));
    }
    const start = byteOffset + fromParts - written;
    bytes.set(last.subarray(start, start + byteLength - fromParts), fromParts);
    return bytes;
  }

  async finish(): Promise<void> {
    const rest = this.byteLength % PART_BYTE_LENGTH;
    if (rest > 0) await this.#writePart(rest);
    await this.#attempt("finished", writeFile(this.#folder, MARK, new Uint8Array()));
  }

  async discard(): Promise<void> {
    for await (const name of this.#folder.keys()) await this.#folder.removeEntry(name);
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#release();
  }

  async #writePart(byteLength: number): Promise<void> {
    const part = String(this.#parts.length);
    const bytes = this.#last.subarray(0, byteLength);
    this.#parts.push(await this.#attempt("written", writeFile(this.#folder, part, bytes)));
    this.#last = new Uint8Array(PART_BYTE_LENGTH);
  }

  async #attempt<T>(what: string, act: Promise<T>): Promise<T> {
    try {
      return await act;
    } catch (cause) {
      const isFull = cause instanceof DOMException && cause.name === "QuotaExceededError";
      const cure = isFull ? "the browser gives this site no more room: free some" : "allow this site to keep files";
      throw new CacheError(this.#name, `could not be ${what} (${(cause as Error).message}); ${cure}`, { cause });
    }
  }
}

/** A file of that name, if there is one. */
async function fileIn(folder: FileSystemDirectoryHandle, name: string): Promise<File | undefined> {
  return folder.getFileHandle(name).then(
    (handle) => handle.getFile(),
    () => undefined,
  );
}

/** Writes all of a file: it is there whole, or not at all. */
export async function writeFile(
  folder: FileSystemDirectoryHandle,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<File> {
  const handle = await folder.getFileHandle(name, { create: true });
  const stream = await handle.createWritable();
  try {
    await stream.write(bytes);
    await stream.close();
  } catch (error) {
    await stream.abort().catch(() => {});
    throw error;
  }
  return handle.getFile();
}
