/**
 * A file as a source of bytes, in Node. Nothing is cached: the operating system does that better.
 */

import { Buffer } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { type ByteSource, checkRange, rethrowAsSourceError, shortRead } from "./byte-source.ts";
import { SourceReadError } from "./errors.ts";

/**
 * Opens a file for reading by range; its name is the path as given. Close it, or the checkpoint that was opened over it,
 * when done. Throws `SourceReadError` if there is no such file, or it may not be read.
 */
export async function openFile(path: string): Promise<ByteSource> {
  const handle = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "no such file" : `it cannot be opened (${cause.code ?? cause.message})`;
    throw new SourceReadError(path, `${why}; give the path of a file that may be read`, { cause });
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) {
      const found = stats.isDirectory() ? "a folder" : "something else";
      throw new SourceReadError(path, `a file expected, ${found} found; give the path of a file`);
    }
    return fileSource(path, handle, stats.size);
  } catch (cause) {
    await handle.close();
    rethrowAsSourceError(path, cause);
  }
}

function fileSource(name: string, handle: FileHandle, byteLength: number): ByteSource {
  return {
    name,
    byteLength,
    async read(byteOffset, wanted, options = {}) {
      checkRange(name, byteLength, byteOffset, wanted);
      options.signal?.throwIfAborted();
      // Not zeroed first, which would cost as much as the reading: it is given out only once every byte is filled.
      const { into } = options;
      const bytes =
        into && into.byteLength >= wanted
          ? into.subarray(0, wanted)
          : new Uint8Array(Buffer.allocUnsafeSlow(wanted).buffer);
      try {
        let done = 0;
        while (done < wanted) {
          const { bytesRead } = await handle.read(bytes, done, wanted - done, byteOffset + done);
          options.signal?.throwIfAborted();
          if (bytesRead === 0) throw shortRead(name, byteOffset, wanted, done);
          done += bytesRead;
        }
      } catch (cause) {
        rethrowAsSourceError(name, cause, options.signal);
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}
