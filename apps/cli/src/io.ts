/**
 * What a command may touch of the process it runs in. Handed in, so that a test can listen; commands know no `process`.
 */
import type { Readable, Writable } from "node:stream";

export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined };
  /** Only what was asked for: text, tables, JSON. */
  readonly stdout: Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };
  /** Everything said about it. */
  readonly stderr: Writable & { readonly isTTY?: boolean | undefined };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C and by a reader that closes `stdout`; its reason is a `StopError`. */
  readonly signal: AbortSignal;
}

/** As the promise, but rejected with the signal's reason as soon as it is aborted, whatever becomes of the promise. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
