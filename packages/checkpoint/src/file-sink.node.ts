/**
 * A file as a sink of bytes, in Node: it is written while the next bytes are made, and appears when it is whole.
 */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { ByteSink } from "./byte-sink.ts";
import { SinkWriteError } from "./errors.ts";

/** Bytes that are gathered before they are written. */
const BUFFER_BYTE_LENGTH = 4 << 20;

/** After so many bytes the disk is told to begin with them: it would else have nothing to do until the end, and then all of it. */
const SYNC_BYTE_LENGTH = 128 << 20;

/**
 * A file to write. Bytes go to a temporary file beside it, which takes its name when it is closed: so at `path` there is
 * never a half-written file, and one that was there before stays until then.
 *
 * A write may resolve before its bytes are in the file: an error may come from a later write, or from `close`.
 *
 * Throws `SinkWriteError`, also from the sink's methods.
 */
export async function createFileSink(path: string): Promise<ByteSink> {
  const temporaryPath = `${path}.${crypto.randomUUID()}.partial`;
  const attempt = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SinkWriteError(path, `could not be ${what} (${why})`, { cause });
    }
  };
  const handle = await attempt("created", () => open(temporaryPath, "wx"));
  const writer = createWriter(handle);
  return {
    write: (bytes) => attempt("written", () => writer.write(bytes)),
    close: () =>
      attempt("finished", async () => {
        await writer.end();
        // On the disk before it takes the name, or a power cut could leave the name with no bytes.
        await handle.sync();
        await handle.close();
        await rename(temporaryPath, path);
      }),
    abort: () =>
      attempt("removed", async () => {
        await writer.end().catch(() => {});
        await handle.close().catch(() => {});
        await rm(temporaryPath, { force: true });
      }),
  };
}

/** Copies bytes into one buffer while another is being written. */
function createWriter(handle: FileHandle) {
  let filling: Uint8Array | undefined;
  let filled = 0;
  let spare: Uint8Array | undefined;
  /** The write that is under way. */
  let writing: Promise<void> = Promise.resolve();
  let unsynced = 0;
  let syncing: Promise<void> = Promise.resolve();
  let isSyncing = false;

  async function flush(): Promise<void> {
    const [buffer, byteLength] = [filling, filled];
    if (!buffer || byteLength === 0) return;
    // One at a time, in order; and whatever went wrong with the one before is thrown here.
    await writing;
    [filling, filled] = [spare, 0];
    spare = undefined;
    writing = writeAll(handle, buffer.subarray(0, byteLength)).then(() => {
      spare = buffer;
      syncSoon(byteLength);
    });
    // It is looked at later.
    writing.catch(() => {});
  }

  function syncSoon(byteLength: number): void {
    unsynced += byteLength;
    if (unsynced < SYNC_BYTE_LENGTH || isSyncing) return;
    unsynced = 0;
    isSyncing = true;
    // What cannot be synced now cannot be at the end either, and is thrown then.
    syncing = handle
      .datasync()
      .catch(() => {})
      .finally(() => {
        isSyncing = false;
      });
  }

  return {
    async write(bytes: Uint8Array): Promise<void> {
      for (let done = 0; done < bytes.byteLength; ) {
        filling ??= new Uint8Array(BUFFER_BYTE_LENGTH);
        const part = bytes.subarray(done, done + filling.byteLength - filled);
        filling.set(part, filled);
        filled += part.byteLength;
        done += part.byteLength;
        if (filled === filling.byteLength) await flush();
      }
    },
    /** When all is written, or cannot be. */
    async end(): Promise<void> {
      try {
        await flush();
        await writing;
      } finally {
        await syncing;
      }
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) done += (await handle.write(bytes, done)).bytesWritten;
}
