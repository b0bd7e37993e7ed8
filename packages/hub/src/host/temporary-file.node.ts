/** A file in the system's folder for such, which is gone when it is closed. Chosen by the `#temporary-file` entry of package.json. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheError } from "../cache/cache-error.node.ts";
import { readExactly } from "../cache/read-exactly.node.ts";
import type { TemporaryFile } from "./temporary-file.ts";

/** An empty one. */
export async function createTemporaryFile(): Promise<TemporaryFile> {
  const attempt = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (cause) {
      throw cacheError(tmpdir(), what, cause, "TMPDIR");
    }
  };
  const folder = await attempt("used", () => mkdtemp(join(tmpdir(), "blackmamba-")));
  const remove = () => rm(folder, { recursive: true, force: true });
  const handle = await attempt("used", () => open(join(folder, "file"), "wx+")).catch(async (error) => {
    await remove();
    throw error;
  });
  let byteLength = 0;
  let closed: Promise<void> | undefined;
  return {
    get byteLength() {
      return byteLength;
    },
    append: (bytes) =>
      attempt("written", async () => {
        for (let done = 0; done < bytes.byteLength; ) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, byteLength);
          done += bytesWritten;
          byteLength += bytesWritten;
        }
      }),
    read: (byteOffset, wanted) => attempt("read", () => readExactly(handle, byteOffset, wanted)),
    close() {
      closed ??= handle.close().finally(remove);
      return closed;
    },
  };
}
