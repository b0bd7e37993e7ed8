/**
 * Bytes of a file on a server, over as many connections as it takes: one that breaks is followed by another, from where it broke.
 */
import { CheckpointError } from "@blackmamba/checkpoint";
import { ConnectionError } from "../errors.ts";
import { reasonOf } from "./reason.ts";
import { type RangeResponse, type RemoteFile, requestRange } from "./remote-file.ts";
import { SILENCE_MS, silence } from "./silence.ts";
import { sleep } from "./sleep.ts";
import { TransientStatusError } from "./transient-status.ts";
import { LONGEST_WAIT_MS, waitAfter } from "./wait-after.ts";

/** So many in a row that bring no byte, and the network is down: eight seconds of waits, where connections fail at once. */
const MOST_FAILURES = 7;

/** Options of {@link fetchRange}. */
export interface FetchRangeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Yields nothing where the server would have to send all that lies in front, too. */
  readonly isPartOnly?: boolean | undefined;
}

/**
 * Yields the bytes from `start` to `end` of the file in order, in pieces of any size. A server of which it is not known whether it
 * gives ranges, or known that it does not, may give all that follows as well: stop when there is enough.
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
  options: FetchRangeOptions = {},
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  let at = start;
  let failures = 0;
  while (at < end) {
    signal?.throwIfAborted();
    const before = at;
    try {
      for await (const piece of connect(file, at, end, options)) {
        at += piece.byteLength;
        yield piece;
      }
      if (at >= end || at === file.byteLength || (options.isPartOnly && !file.hasRanges && at === start)) return;
      // A file of unknown size ends where its connection ends well; by ranges, where the server has no more of them.
      if (file.byteLength === undefined && !file.hasRanges) return;
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
      await sleep(asked ?? waitAfter(failures), signal);
    }
  }
}

/** What one connection gives of the range. */
async function* connect(
  file: RemoteFile,
  start: number,
  end: number,
  { signal, isPartOnly }: FetchRangeOptions,
): AsyncGenerator<Uint8Array> {
  const quiet = silence(file.silenceMs ?? SILENCE_MS);
  // Of a server that gave ranges, nobody expects more than was asked for.
  const wasAsked = file.hasRanges === true;
  try {
    const both = signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal;
    const response = await requestRange(file, start, end, both);
    const reader = response.body.getReader();
    try {
      if (isPartOnly && response.start < start) return;
      const last = response.isPart || wasAsked ? end : (file.byteLength ?? Number.POSITIVE_INFINITY);
      yield* readBody(reader, response, { start, end: last, quiet });
    } finally {
      // Frees the connection where nobody wants the rest.
      await reader.cancel().catch(() => {});
    }
  } finally {
    quiet.stop();
  }
}

interface Wanted {
  readonly start: number;
  readonly end: number;
  readonly quiet: ReturnType<typeof silence>;
}

async function* readBody(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  response: RangeResponse,
  { start, end, quiet }: Wanted,
): AsyncGenerator<Uint8Array> {
  // A server without ranges begins at the beginning, whatever it was asked for.
  let skip = start - response.start;
  let left = end - start;
  while (left > 0) {
    quiet.listen();
    const { value, done } = await reader.read();
    quiet.stop();
    if (done) return;
    const skipped = Math.min(skip, value.byteLength);
    skip -= skipped;
    const piece = value.subarray(skipped, Math.min(value.byteLength, skipped + left));
    left -= piece.byteLength;
    if (piece.byteLength > 0) yield piece;
  }
}
