/**
 * A file on a server, and how it is asked for bytes. Not here: what happens when a connection breaks, see `fetch-range.ts`.
 */
import { ChangedFileError, HttpStatusError, ResponseError } from "../errors.ts";
import { refuseTransient } from "./transient-status.ts";

/** How requests are sent. */
export interface HttpOptions {
  /** In place of the global `fetch`, for proxies and tests. */
  readonly fetch?: typeof fetch | undefined;
  /** Sent with each request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A connection on which nothing comes for so long is given up for another. Default: 30,000 ms. */
  readonly silenceMs?: number | undefined;
}

/** Where a file is, and what has been learnt of it. */
export interface RemoteFile extends HttpOptions {
  /** In errors. */
  readonly name: string;
  readonly url: string;
  /** Size in bytes; unknown until the server tells. */
  byteLength?: number | undefined;
  /** Of the first answer, if it is to be the same file all the time. Not compared where a hash says which file it is. */
  etag?: string | undefined;
  readonly isHashed?: boolean | undefined;
  /** Whether the server gives parts of the file; unknown until it was asked for one. */
  hasRanges?: boolean | undefined;
}

/** The body of an answer that was checked: it begins at byte `start` of the file. */
export interface RangeResponse {
  readonly body: ReadableStream<Uint8Array>;
  readonly start: number;
  /** Whether it is what was asked for, rather than the whole file. */
  readonly isPart: boolean;
}

/**
 * Asks for bytes `start` to `end`. A server without ranges answers with the whole file, from byte 0.
 *
 * Throws `HttpStatusError`, `ChangedFileError`, `ResponseError`, `TransientStatusError`, and what `fetch` throws.
 */
export async function requestRange(
  file: RemoteFile,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<RangeResponse> {
  const response = await (file.fetch ?? fetch)(file.url, {
    // With a range, `fetch` itself asks for bytes that are not packed. No other header that makes a browser ask for permission first.
    headers: { ...file.headers, Range: `bytes=${start}-${Number.isFinite(end) ? end - 1 : ""}` },
    signal,
  });
  try {
    return readHeaders(file, response, start);
  } catch (error) {
    await response.body?.cancel().catch(() => {});
    throw error;
  }
}

function readHeaders(file: RemoteFile, response: Response, start: number): RangeResponse {
  refuseTransient(response);
  const isPart = response.status === 206;
  if (!isPart && response.status !== 200 && response.status !== 416) {
    throw new HttpStatusError(file.name, response.status);
  }
  const found =
    response.status === 416 ? endOf(file, response, start) : isPart ? partOf(file, response, start) : wholeOf(response);
  if (isPart && found.start !== start) {
    throw new ResponseError(
      file.name,
      `bytes from ${start} on were asked for, the server gives those from ${found.start}; fetch the file in another way`,
    );
  }
  if (file.byteLength !== undefined && found.byteLength !== undefined && found.byteLength !== file.byteLength) {
    throw new ChangedFileError(file.name, `${file.byteLength} bytes expected, ${found.byteLength} found`);
  }
  const etag = response.headers.get("ETag") ?? undefined;
  if (!file.isHashed && file.etag !== undefined && etag !== undefined && etag !== file.etag) {
    throw new ChangedFileError(file.name, `ETag ${file.etag} expected, ${etag} found`);
  }
  file.etag ??= etag;
  file.byteLength ??= found.byteLength;
  file.hasRanges = response.status !== 200;
  const body = response.status === 416 ? null : response.body;
  return { body: body ?? new Blob([]).stream(), start: found.start, isPart: file.hasRanges };
}

/** Where a body lies in its file, and how long the file is. */
interface Place {
  readonly start: number;
  readonly byteLength: number | undefined;
}

/** Of an answer that there are no such bytes: where one had come to is the end, or the file became shorter. */
function endOf({ name }: RemoteFile, response: Response, start: number): Place {
  const [, size] = /^bytes \*\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "") ?? [];
  const byteLength = size === undefined ? start : Number(size);
  if (byteLength !== start)
    throw new ChangedFileError(name, `it has ${byteLength} bytes, and those from ${start} on were asked for`);
  return { start, byteLength };
}

function partOf({ name }: RemoteFile, response: Response, start: number): Place {
  const encoding = response.headers.get("Content-Encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new ResponseError(
      name,
      `bytes as they lie in the file expected, bytes packed with ${encoding} found; have the server send it as it is`,
    );
  }
  const header = response.headers.get("Content-Range");
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header ?? "") ?? [];
  if (from !== undefined) {
    return { start: Number(from), byteLength: size === "*" ? undefined : Number(size) };
  }
  // A browser shows it only where the server allows it; then the answer is the only part that was asked for.
  const isHidden = response.type === "cors" && header === null;
  const isOnePart = !(response.headers.get("Content-Type") ?? "").startsWith("multipart/");
  if (isHidden && isOnePart) return { start, byteLength: undefined };
  const found = `"${header ?? "none"}" found`;
  throw new ResponseError(
    name,
    `a Content-Range such as "bytes 0-9/100" expected, ${found}; fetch the file in another way`,
  );
}

function wholeOf({ headers }: Response): Place {
  // Of a packed body, the length is that of what is sent.
  const isPacked = (headers.get("Content-Encoding") ?? "identity") !== "identity";
  const header = headers.get("Content-Length");
  const byteLength = isPacked || header === null ? undefined : Number(header);
  return { start: 0, byteLength };
}
