/**
 * A file on a server as a source of bytes: each range is fetched when it is read, and nothing is kept.
 */
import { type ByteSource, checkRange, type ReadOptions } from "@blackmamba/checkpoint";
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
  return {
    name,
    byteLength,
    read: (byteOffset, wanted, options = {}) => readRange(file, byteOffset, wanted, options),
  };
}

async function readRange(
  file: RemoteFile & { readonly byteLength: number },
  byteOffset: number,
  byteLength: number,
  { signal }: ReadOptions,
): Promise<Uint8Array> {
  checkRange(file.name, file.byteLength, byteOffset, byteLength);
  signal?.throwIfAborted();
  return collect(fetchRange(file, byteOffset, byteOffset + byteLength, { signal }), byteLength);
}
