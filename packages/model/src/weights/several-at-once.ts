/**
 * Work on several things at once, no more than so many.
 */

/**
 * Does the work for each item, in order, so many at a time. After a failure or an abort no other item is begun, those under way are
 * told by their signal, and the promise rejects once all of them have ended: then nobody touches what they worked on any more.
 */
export async function severalAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const failed = new AbortController();
  const both = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const rest = items.values();
  let failure: { readonly reason: unknown } | undefined;
  const worker = async () => {
    // The iterator is shared: each item goes to one worker.
    for (const item of rest) {
      try {
        both.throwIfAborted();
        await work(item, both);
      } catch (reason) {
        failure ??= { reason };
        failed.abort(reason);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failure) throw failure.reason;
}
