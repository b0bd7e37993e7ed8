/**
 * A download that gathers in a file beside the cache's finished ones; what a dead process left of it is gone on with.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { PartialFile } from "../download/partial-file.ts";
import { CacheError } from "../errors.ts";
import { cacheError } from "./cache-error.node.ts";
import { abandonedFiles, isOwnedName, leftName, ownedName } from "./owned-name.node.ts";
import { moveTo } from "./place-file.node.ts";
import { readExactly } from "./read-exactly.node.ts";

/** What becomes of a partial file. */
export interface PartialFileOptions {
  /** Of the whole. */
  readonly byteLength: number;
  /** Called once the file has its name. */
  readonly onFinish?: (() => Promise<void>) | undefined;
}

/** Begins the file at `path`, or goes on with the most that a process which ended has left of it. */
export async function openPartialFile(path: string, options: PartialFileOptions): Promise<PartialFile> {
  const own = ownedName(path);
  let handle: FileHandle | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    await takeOver(path, options.byteLength, own);
    handle = await open(own, "a+");
    return new NodePartialFile(handle, own, path, (await handle.stat()).size, options.onFinish);
  } catch (cause) {
    await handle?.close();
    throw cacheError(path, "begun", cause);
  }
}

/** Bytes of all partial files in a folder. */
export async function partialByteLength(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    if (isOwnedName(name)) sum += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  }
  return sum;
}

/** Gives the largest file that was left our own name, and deletes the others. */
async function takeOver(path: string, byteLength: number, own: string): Promise<void> {
  let isTaken = false;
  for (const left of await abandonedFiles(dirname(path), basename(path))) {
    if (isTaken || left.byteLength > byteLength) await rm(left.path, { force: true });
    // Another process may have been faster.
    else
      isTaken = await rename(left.path, own).then(
        () => true,
        () => false,
      );
  }
}

class NodePartialFile implements PartialFile {
  byteLength: number;
  readonly #handle: FileHandle;
  readonly #own: string;
  readonly #path: string;
  readonly #onFinish: (() => Promise<void>) | undefined;
  #isClosed = false;

  constructor(
    handle: FileHandle,
    own: string,
    path: string,
    byteLength: number,
    onFinish: (() => Promise<void>) | undefined,
  ) {
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
      return await readExactly(this.#handle, byteOffset, byteLength);
    } catch (cause) {
      throw cacheError(this.#path, "read", cause);
    }
  }

  async finish(): Promise<void> {
    try {
      // On the disk before it takes the name, or a power cut could leave the name with no bytes.
      await this.#handle.sync();
      // What was hashed is what was written here: nobody else may have, such as a process that slept and was thought dead.
      const { size } = await this.#handle.stat();
      if (size !== this.byteLength) {
        await this.discard();
        const found = `${this.byteLength} bytes expected, ${size} found`;
        throw new CacheError(this.#path, `another process wrote to it, too: ${found}; it is deleted, load it again`);
      }
      await moveTo(this.#own, this.#path);
      // What others that ended had of it is of no use any longer.
      for (const { path } of await abandonedFiles(dirname(this.#path), basename(this.#path))) {
        await rm(path, { force: true });
      }
      await this.#onFinish?.();
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
    else await rename(this.#own, leftName(this.#path)).catch(() => {});
  }
}
