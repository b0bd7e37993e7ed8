/** A small request, made again where the server stumbles. Not here: bytes of a file, see `fetch-range.ts`. */
import type { ReadOptions } from "@blackmamba/checkpoint";
import { ConnectionError } from "../errors.ts";
import { reasonOf } from "./reason.ts";
import type { HttpOptions } from "./remote-file.ts";
import { SILENCE_MS } from "./silence.ts";
import { sleep } from "./sleep.ts";
import { refuseTransient, TransientStatusError } from "./transient-status.ts";
import { LONGEST_WAIT_MS, waitAfter } from "./wait-after.ts";

/** Somebody waits for the answer, and may have the files already: two seconds of waits. */
const MOST_FAILURES = 5;
/** Where there is no connection, another attempt helps only against one that broke. */
const MOST_BROKEN = 2;

/** What to ask for, and how. */
export interface RequestOptions extends HttpOptions, ReadOptions {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | undefined;
}

/**
 * The answer, whatever its status, unless that is one of a busy server; its body has to come within the limit of silence.
 *
 * @param name - of what is asked for, in errors
 * @throws ConnectionError
 */
export async function request(name: string, options: RequestOptions): Promise<Response> {
  const { url, method = "GET", headers, signal, silenceMs = SILENCE_MS } = options;
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted();
    const late = AbortSignal.timeout(silenceMs);
    try {
      const both = signal ? AbortSignal.any([signal, late]) : late;
      const response = await (options.fetch ?? fetch)(url, { method, headers: { ...headers }, signal: both });
      return await passOn(response);
    } catch (cause) {
      signal?.throwIfAborted();
      const isBusy = cause instanceof TransientStatusError;
      const waitMs = (isBusy ? cause.retryAfterMs : undefined) ?? waitAfter(failures);
      if (late.aborted || failures >= (isBusy ? MOST_FAILURES : MOST_BROKEN) || waitMs > LONGEST_WAIT_MS) {
        const reason = late.aborted ? `nothing came for ${silenceMs / 1000} s` : reasonOf(cause);
        const origin = URL.canParse(url) ? new URL(url).origin : url;
        const found = isBusy ? `answers with ${reason}` : `cannot be reached (${reason})`;
        throw new ConnectionError(name, `${origin} ${found}`, { cause });
      }
      await sleep(waitMs, signal);
    }
  }
}

async function passOn(response: Response): Promise<Response> {
  try {
    refuseTransient(response);
  } catch (error) {
    await response.body?.cancel().catch(() => {});
    throw error;
  }
  return response;
}
