/**
 * A download that gathers in a file beside the cache's finished ones. Its name says who is at it, so that two processes never write to
 * one file, and that what a dead one left is taken up by the next.
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import type { PartialFile } from "../download/partial-file.ts";
import { CacheError } from "../errors.ts";

/** A process on another machine, or in another container, cannot be asked whether it lives: so long without a byte, and it does not. */
const ABANDONED_MS = 60 * 60 * 1000;

/** In place of a process: the download ended before the file was whole. */
const NOBODY = "0";

/** `<file>.<machine>.<process>.<random>.partial`. */
const PARTIAL_NAME = /^(?<file>.+)\.(?<machine>[^.]+)\.(?<pid>\d+)\.[0-9a-f-]{36}\.partial$/;

const machine = hostname().replace(/[^\w-]/g, "_") || "machine";

/**
 * Begins the file at `path`, or goes on with the most that a process which ended has left of it.
 *
 * @param byteLength - of the whole
 * @param onFinish - called once the file has its name
 */
export async function openPartialFile(
  path: string,
  byteLength: number,
  onFinish: () => Promise<void>,
): Promise<PartialFile> {
  const own = `${path}.${machine}.${process.pid}.${randomUUID()}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await takeOver(path, byteLength, own);
    const handle = await open(own, "a+");
    return new NodePartialFile(handle, own, path, (await handle.stat()).size, onFinish);
  } catch (cause) {
    throw cacheError(path, "begun", cause);
  }
}

/** Bytes of all partial files in a folder. */
export async function partialByteLength(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    if (PARTIAL_NAME.test(name))
      sum += await stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return sum;
}

/** Whether a file in the folder is a partial one. */
export function isPartialName(name: string): boolean {
  return PARTIAL_NAME.test(name);
}

/** Gives the largest file that a dead process left our own name, and deletes the others. */
async function takeOver(path: string, byteLength: number, own: string): Promise<void> {
  const folder = dirname(path);
  const left: { readonly at: string; readonly size: number }[] = [];
  for (const name of await readdir(folder)) {
    const match = PARTIAL_NAME.exec(name);
    if (match?.groups?.["file"] !== basename(path)) continue;
    const at = join(folder, name);
    const found = await stat(at).catch(() => undefined);
    if (found && isAbandoned(match.groups, found.mtimeMs)) left.push({ at, size: found.size });
  }
  left.sort((a, b) => b.size - a.size);
  let isTaken = false;
  for (const { at, size } of left) {
    if (isTaken || size > byteLength) await rm(at, { force: true });
    // Another process may have been faster.
    else
      isTaken = await rename(at, own).then(
        () => true,
        () => false,
      );
  }
}

function isAbandoned(owner: Readonly<Record<string, string>>, changedMs: number): boolean {
  if (owner["pid"] === NOBODY) return true;
  if (owner["machine"] !== machine) return Date.now() - changedMs > ABANDONED_MS;
  try {
    process.kill(Number(owner["pid"]), 0);
    return false;
  } catch (error) {
    // Any other refusal is of a process that lives, and is not ours.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

class NodePartialFile implements PartialFile {
  byteLength: number;
  readonly #handle: FileHandle;
  readonly #own: string;
  readonly #path: string;
  readonly #onFinish: () => Promise<void>;
  #isClosed = false;

  constructor(handle: FileHandle, own: string, path: string, byteLength: number, onFinish: () => Promise<void>) {
    this.#handle = handle;
    this.#own = own;
    this.#path = path;
    this.#onFinish = onFinish;
    this.byteLength = byteLength;
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      // In the mode for appending, where it is written is not for us to say.
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done);
        done += bytesWritten;
        this.byteLength += bytesWritten;
      }
    } catch (cause) {
      throw cacheError(this.#path, "written", cause);
    }
  }

  async read(byteOffset: number, byteLength: number): Promise<Uint8Array> {
    try {
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer);
      for (let done = 0; done < byteLength; ) {
        const { bytesRead } = await this.#handle.read(bytes, done, byteLength - done, byteOffset + done);
        if (bytesRead === 0) throw new Error("it has become shorter");
        done += bytesRead;
      }
      return bytes;
    } catch (cause) {
      throw cacheError(this.#path, "read", cause);
    }
  }

  async finish(): Promise<void> {
    try {
      // On the disk before it takes the name, or a power cut could leave the name with no bytes.
      await this.#handle.sync();
      await rename(this.#own, this.#path);
      await this.#onFinish();
    } catch (cause) {
      throw cacheError(this.#path, "finished", cause);
    }
  }

  async discard(): Promise<void> {
    await rm(this.#own, { force: true });
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
    // Nobody's from now on: the next download, also of this process, goes on with it. If it has its name or is deleted, it is not there.
    if (this.byteLength === 0) await rm(this.#own, { force: true });
    else await rename(this.#own, this.#own.replace(`.${process.pid}.`, `.${NOBODY}.`)).catch(() => {});
  }
}

/** What the file system said, with what helps. */
export function cacheError(path: string, what: string, cause: unknown): CacheError {
  if (cause instanceof CacheError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const cure =
    code === "ENOSPC" || code === "EDQUOT"
      ? "the disk is full: free some space, or set HF_HUB_CACHE to a folder on another disk; what was fetched is kept"
      : "set HF_HUB_CACHE to a folder that may be written";
  return new CacheError(path, `could not be ${what} (${code ?? message}); ${cure}`, { cause });
}
