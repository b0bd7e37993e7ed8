/**
 * A pause in which everything else that waits on this thread gets its turn.
 */

/** Lets timers, signals, messages and rendering have their turn; `setTimeout` alone would wait at least 1 ms, in a browser 4. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
