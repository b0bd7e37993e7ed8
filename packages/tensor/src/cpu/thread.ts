/**
 * A thread as `threads.node.ts` and `threads.browser.ts` start it.
 */

/** A running thread. */
export interface Thread {
  /** Hands it a message; shared memory stays shared. */
  post(message: unknown): void;
  /** Ends it, whatever it is doing. */
  stop(): Promise<void>;
}
