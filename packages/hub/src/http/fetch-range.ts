/**
 * Bytes of a file on a server, over as many connections as it takes: one that breaks is followed by another, from where it broke.
 */
import { CheckpointError } from "@blackmamba/checkpoint";
import { ConnectionError } from "../errors.ts";
import { type RemoteFile, requestRange, TransientStatusError } from "./remote-file.ts";
import { sleep } from "./sleep.ts";

/** A connection on which nothing comes for so long is as good as broken. */
const SILENCE_MS = 30_000;
/** So many in a row that bring no byte, and the network is down: a quarter of a minute with the waits between. */
const MOST_FAILURES = 7;
/** The wait before the third attempt; each is twice the one before. Before the second there is none: most breaks are over at once. */
const FIRST_WAIT_MS = 250;
/** A server may ask to wait for longer than this, and then it is better to say so than to sit there. */
const LONGEST_WAIT_MS = 60_000;

/** Options of {@link fetchRange}. */
export interface FetchRangeOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Yields the bytes from `start` to `end` of the file in order, in pieces of any size. A server without ranges gives all that
 * follows as well: stop when there is enough.
 *
 * @param end - `Infinity` for a file whose size the server does not tell
 *
 * Throws `ConnectionError` when seven connections in a row bring nothing, `HttpStatusError`, `ChangedFileError`,
 * `ResponseError`.
 */
export async function* fetchRange(
  file: RemoteFile,
  start: number,
  end: number,
  { signal }: FetchRangeOptions = {},
): AsyncGenerator<Uint8Array> {
  let at = start;
  let failures = 0;
  while (at < end) {
    signal?.throwIfAborted();
    const before = at;
    try {
      for await (const piece of connect(file, at, end, signal)) {
        at += piece.byteLength;
        yield piece;
      }
      // A file of unknown size ends where its connection ends well.
      if (at >= end || (file.byteLength ?? at) === at) return;
      throw new Error(`the connection ended at byte ${at}`);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof CheckpointError) throw error;
      failures = at > before ? 1 : failures + 1;
      const asked = error instanceof TransientStatusError ? error.retryAfterMs : undefined;
      if (failures >= MOST_FAILURES || (asked ?? 0) > LONGEST_WAIT_MS) {
        const found =
          asked === undefined ? reasonOf(error) : `${reasonOf(error)}, to be tried again in ${asked / 1000} s`;
        throw new ConnectionError(file.name, `no byte came after byte ${at} in ${failures} attempts (${found})`, {
          cause: error,
        });
      }
      await sleep(asked ?? (failures === 1 ? 0 : FIRST_WAIT_MS * 2 ** (failures - 2)), signal);
    }
  }
}

/** What one connection gives of the range. */
async function* connect(
  file: RemoteFile,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  };
  listen();
  try {
    const both = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
    const response = await requestRange(file, start, end, both);
    const reader = response.body.getReader();
    try {
      // A server without ranges begins at the beginning, whatever it was asked for.
      let skip = start - response.start;
      let left = file.hasRanges ? end - start : Number.POSITIVE_INFINITY;
      while (left > 0) {
        listen();
        const { value, done } = await reader.read();
        if (done) return;
        const skipped = Math.min(skip, value.byteLength);
        skip -= skipped;
        const piece = value.subarray(skipped, Math.min(value.byteLength, skipped + left));
        left -= piece.byteLength;
        clearTimeout(timer);
        if (piece.byteLength > 0) yield piece;
      }
    } finally {
      // Frees the connection where nobody wants the rest.
      await reader.cancel().catch(() => {});
    }
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  // Of "fetch failed", the cause says why.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
