/**
 * A file on a server as a source of bytes, of which nothing is kept: each range is fetched when it is read, and once it is known that
 * all of it will be read, in blocks.
 */
import { type ByteSource, checkRange } from "@blackmamba/checkpoint";
import { Blocks } from "./blocks.ts";
import { collect } from "./collect.ts";
import { fetchRange } from "./fetch-range.ts";
import type { RemoteFile } from "./remote-file.ts";

/**
 * A source over a file whose size is known and whose server gives ranges; see `openUrl` for any other.
 *
 * @throws what `fetchRange` throws, from `read`
 */
export function httpSource(file: RemoteFile & { readonly byteLength: number }): ByteSource {
  const { name, byteLength } = file;
  const fetchBytes = (start: number, end: number, signal: AbortSignal | undefined) =>
    collect(fetchRange(file, start, end, { signal }), end - start);
  let blocks: Blocks | undefined;
  return {
    name,
    byteLength,
    async read(byteOffset, wanted, options = {}) {
      checkRange(name, byteLength, byteOffset, wanted);
      options.signal?.throwIfAborted();
      if (blocks) return blocks.read(byteOffset, wanted, options);
      return fetchBytes(byteOffset, byteOffset + wanted, options.signal);
    },
    async complete({ signal } = {}) {
      signal?.throwIfAborted();
      blocks ??= new Blocks(byteLength, fetchBytes);
    },
    close: async () => blocks?.close(),
  };
}
