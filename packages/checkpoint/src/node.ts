/**
 * What needs Node: files and folders by path, to read and to write. Not here: anything that a browser could run.
 */

import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { ByteSink } from "./byte-sink.ts";
import { SinkWriteError } from "./errors.ts";

export { openFile } from "./file-source.ts";
export { isFile, listFolder } from "./list-folder.node.ts";

/**
 * A file to write. Bytes go to a temporary file beside it, which takes its name when it is closed: so at `path` there is
 * never a half-written file, and one that was there before stays until then.
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
  const handle: FileHandle = await attempt("created", () => open(temporaryPath, "wx"));
  return {
    write: (bytes) =>
      attempt("written", async () => {
        let done = 0;
        while (done < bytes.byteLength) done += (await handle.write(bytes, done)).bytesWritten;
      }),
    close: () =>
      attempt("finished", async () => {
        // On the disk before it takes the name, or a power cut could leave the name with no bytes.
        await handle.sync();
        await handle.close();
        await rename(temporaryPath, path);
      }),
    abort: () =>
      attempt("removed", async () => {
        await handle.close().catch(() => {});
        await rm(temporaryPath, { force: true });
      }),
  };
}
