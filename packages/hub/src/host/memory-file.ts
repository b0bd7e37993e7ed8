/** A file that nobody finds again, where there is no folder for such: in Blobs, which a browser may keep on its disk. */
import type { PartialFile } from "../download/partial-file.ts";

/** An empty file. */
export function memoryFile(): PartialFile {
  let parts: Blob[] = [];
  let byteLength = 0;
  return {
    get byteLength() {
      return byteLength;
    },
    async append(bytes) {
      parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
      byteLength += bytes.byteLength;
    },
    async read(byteOffset, length) {
      // One Blob from now on: putting thousands together takes long.
      const whole = new Blob(parts);
      parts = [whole];
      return new Uint8Array(await whole.slice(byteOffset, byteOffset + length).arrayBuffer());
    },
    finish: async () => {},
    async discard() {
      parts = [];
    },
    async close() {
      parts = [];
    },
  };
}
