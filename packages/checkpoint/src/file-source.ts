/**
 * A file as a source of bytes, in Node. Nothing is cached: the operating system does that better.
 */

import { Buffer } from "node:buffer";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { type ByteSource, checkRange, rethrowAsSourceError, shortRead } from "./byte-source.ts";
import { SourceReadError } from "./errors.ts";

/**
 * Opens a file for reading by range; its name is the path's last part. Close it, or the checkpoint that was opened over
 * it, when done. Throws `SourceReadError` if there is no such file, or it may not be read.
 */
export async function openFile(path: string): Promise<ByteSource> {
  const name = basename(path);
  try {
    const handle = await open(path, "r");
    const stats = await handle.stat();
    if (!stats.isFile()) {
      await handle.close();
      throw new SourceReadError(name, `a file expected, ${path} is none; give the checkpoint file itself`);
    }
    const byteLength = stats.size;
    return {
      name,
      byteLength,
      async read(byteOffset, wanted, options = {}) {
        checkRange(name, byteLength, byteOffset, wanted);
        options.signal?.throwIfAborted();
        // Not zeroed first, which would cost as much as the reading: it is given out only once every byte is filled.
        const bytes = new Uint8Array(Buffer.allocUnsafeSlow(wanted).buffer);
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
  } catch (cause) {
    rethrowAsSourceError(name, cause);
  }
}
