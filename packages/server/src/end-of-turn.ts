/** Work that can wait until everything has been done that is ready to be done now: many at a time share one wait. */

let waiting: (() => void)[] = [];

/** Calls back once timers, sockets and the like have had their turn. */
export function atEndOfTurn(callback: () => void): void {
  waiting.push(callback);
  if (waiting.length > 1) return;
  setTimeout(() => {
    const callbacks = waiting;
    waiting = [];
    for (const call of callbacks) call();
  });
}
