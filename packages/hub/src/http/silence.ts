/** Connections on which nothing comes. */

/** A connection on which nothing comes for so long is as good as broken. */
export const SILENCE_MS = 30_000;

/** A clock that is running, and is set back whenever something comes. */
export interface Silence {
  /** Aborted when nothing came for too long. */
  readonly signal: AbortSignal;
  /** From now on something has to come. */
  listen(): void;
  /** Nothing has to come any longer. */
  stop(): void;
}

/** Begins to listen. Call `stop` in the end: its timer keeps a process alive. */
export function silence(durationMs: number): Silence {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => clearTimeout(timer);
  const listen = () => {
    stop();
    timer = setTimeout(() => abort.abort(new Error(`nothing came for ${durationMs / 1000} s`)), durationMs);
  };
  listen();
  return { signal: abort.signal, listen, stop };
}
