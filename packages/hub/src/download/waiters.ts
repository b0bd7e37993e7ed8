/** Those who wait until a download has come somewhere. */

interface Waiter {
  readonly end: number;
  readonly resolve: () => void;
}

/** Resolves each when the front has reached what it waits for. */
export class Waiters {
  readonly #all = new Set<Waiter>();

  /**
   * Resolves when the front reaches `end` or `whole` resolves; rejects when `whole` does, or when the signal is aborted.
   */
  async wait(end: number, whole: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
    let waiter: Waiter | undefined;
    let onAbort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { end, resolve };
        this.#all.add(waiter);
        onAbort = () => reject(signal?.reason);
        signal?.addEventListener("abort", onAbort, { once: true });
        whole.then(() => resolve(), reject);
      });
    } finally {
      if (waiter) this.#all.delete(waiter);
      if (onAbort) signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Says how far the front is. */
  reach(front: number): void {
    for (const waiter of this.#all) if (waiter.end <= front) waiter.resolve();
  }
}
