/**
 * A file on any server as a source of bytes. Not here: a hub's files, which are kept, see `hub/`.
 */
import { type ByteSource, checkRange, type ReadOptions } from "@blackmamba/checkpoint";
import { createTemporaryFile } from "#temporary-file";
import { AddressError } from "../errors.ts";
import { fetchRange } from "./fetch-range.ts";
import { httpSource } from "./http-source.ts";
import type { HttpOptions, RemoteFile } from "./remote-file.ts";

/** Options of {@link openUrl}. */
export interface UrlOptions extends HttpOptions, ReadOptions {}

/**
 * Opens a file on a server. Ranges are fetched as they are read, and nothing is kept. Of a server that gives no ranges, the whole
 * file is fetched first: in Node into a temporary file, in a browser into memory.
 *
 * @throws AddressError, HttpStatusError, ConnectionError, ResponseError; from `read` also ChangedFileError
 */
export async function openUrl(url: string, { signal, ...http }: UrlOptions = {}): Promise<ByteSource> {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) throw new AddressError(url);
  const file: RemoteFile = { name: url, url, ...http };
  // The first byte tells whether there are ranges, and how long the file is.
  const pieces = fetchRange(file, 0, 1, { signal });
  await pieces.next();
  await pieces.return(undefined);
  if (!file.hasRanges || file.byteLength === undefined) return fetchWhole(file, signal);
  return httpSource(file as RemoteFile & { readonly byteLength: number });
}

async function fetchWhole(file: RemoteFile, signal: AbortSignal | undefined): Promise<ByteSource> {
  const temporary = await createTemporaryFile();
  try {
    const end = file.byteLength ?? Number.POSITIVE_INFINITY;
    for await (const piece of fetchRange(file, 0, end, { signal })) await temporary.append(piece);
  } catch (error) {
    await temporary.close();
    throw error;
  }
  const { name } = file;
  const available = temporary.byteLength;
  return {
    name,
    byteLength: available,
    async read(byteOffset, byteLength, { signal: each } = {}) {
      checkRange(name, available, byteOffset, byteLength);
      each?.throwIfAborted();
      return temporary.read(byteOffset, byteLength);
    },
    close: () => temporary.close(),
  };
}
