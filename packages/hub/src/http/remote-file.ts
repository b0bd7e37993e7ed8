/**
 * A file on a server, and how it is asked for bytes. Not here: what happens when a connection breaks, see `fetch-range.ts`.
 */
import { ChangedFileError, HttpStatusError, ResponseError } from "../errors.ts";

/** How requests are sent. */
export interface HttpOptions {
  /** In place of the global `fetch`, for proxies and tests. */
  readonly fetch?: typeof fetch | undefined;
  /** Sent with each request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
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
}

/** Statuses after which the same request may succeed. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The server is busy or stumbled: worth another try. */
export class TransientStatusError extends Error {
  /** How long the server asks to wait, if it does. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, retryAfter: string | null) {
    super(`status ${status}`);
    const seconds = Number(retryAfter ?? Number.NaN);
    this.retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
  }
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
    // A range is of the bytes as they lie there, so nothing may be packed on the way.
    headers: {
      ...file.headers,
      "Accept-Encoding": "identity",
      Range: `bytes=${start}-${Number.isFinite(end) ? end - 1 : ""}`,
    },
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
  if (TRANSIENT.has(response.status)) {
    throw new TransientStatusError(response.status, response.headers.get("Retry-After"));
  }
  if (response.status === 416) {
    throw new ChangedFileError(file.name, `it ends before byte ${start}`);
  }
  if (response.status !== 206 && response.status !== 200) {
    throw new HttpStatusError(file.name, response.status, cureOf(response.status));
  }
  const isPart = response.status === 206;
  const found = isPart ? rangeOf(file, response) : { start: 0, byteLength: lengthOf(response) };
  if (isPart && found.start !== start) {
    throw new ResponseError(
      file.name,
      `bytes from ${start} on were asked for, the server gives those from ${found.start}`,
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
  file.hasRanges = isPart;
  if (!response.body) throw new ResponseError(file.name, "the server's answer has no body");
  return { body: response.body, start: found.start };
}

function rangeOf({ name }: RemoteFile, response: Response): { start: number; byteLength: number | undefined } {
  const header = response.headers.get("Content-Range") ?? "none";
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header);
  if (!match) throw new ResponseError(name, `a Content-Range such as "bytes 0-9/100" expected, "${header}" found`);
  return { start: Number(match[1]), byteLength: match[2] === "*" ? undefined : Number(match[2]) };
}

function lengthOf(response: Response): number | undefined {
  // Of a packed body this is the length of what is sent.
  if (response.headers.has("Content-Encoding")) return undefined;
  const header = response.headers.get("Content-Length");
  return header === null ? undefined : Number(header);
}

function cureOf(status: number): string {
  if (status === 401 || status === 403) return "it wants an access token, or another one";
  if (status === 404 || status === 410) return "check the address";
  return "try again later, or ask who runs it";
}
