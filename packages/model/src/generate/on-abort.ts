/**
 * Many who want to know of the same signal: it has one listener for all of them, as Node warns of more than ten.
 */

/** Who is to be told. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when a signal that has not aborted does.
 *
 * @returns a function after which it does not
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let callbacks = waiting.get(signal);
  if (!callbacks) {
    const own = new Set<() => void>();
    callbacks = own;
    waiting.set(signal, own);
    signal.addEventListener("abort", () => [...own].map((call) => call()), { once: true });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}
