/**
 * Decides whether work is worth sharing with the other threads just now, by measuring both.
 *
 * On an idle machine it is. Where other processes hold the processors it often is not: a thread that loses its processor in the
 * middle of a piece is waited for, and threads that take turns on one processor take time from each other. No machine says
 * which of this is so, but the clock does.
 */

/** How long to look at one of the two before judging it, in milliseconds: about as long as a scheduler's slice. */
const WINDOW_MS = 4;

/** How many windows a choice holds that was made after a doubt; each time that sharing loses again, twice as many. */
const HELD_WINDOWS = { least: 12, most: 192 };

/** Sharing is not doubted while it takes less than this part of the time. */
const CLEAR_GAIN = 0.8;

/** How much the newest window weighs in an average. */
const NEWEST = 0.5;

/** The measurements of one kind of work. */
export class Sharing {
  /** Whether the next work should be shared. */
  isShared = true;
  /** Measured time as a multiple of the expected one, averaged; 0 before it was measured. */
  readonly #cost = { shared: 0, alone: 0 };
  #expectedMs = 0;
  #elapsedMs = 0;
  /** Windows until the choice may be doubted. */
  #held = 0;
  /** How many windows to work alone the next time that sharing loses. */
  #alone = HELD_WINDOWS.least;

  /** Notes what some work took that was done as `isShared` says. */
  note(expectedMs: number, elapsedMs: number): void {
    this.#expectedMs += expectedMs;
    this.#elapsedMs += elapsedMs;
    if (this.#elapsedMs < WINDOW_MS) return;
    this.#judge(this.#elapsedMs / this.#expectedMs);
    this.#expectedMs = 0;
    this.#elapsedMs = 0;
  }

  #judge(newest: number): void {
    const cost = this.#cost;
    const kind = this.isShared ? "shared" : "alone";
    cost[kind] = cost[kind] === 0 ? newest : cost[kind] + NEWEST * (newest - cost[kind]);
    if (this.#held > 0) {
      this.#held -= 1;
      // After a long time alone, sharing is measured afresh.
      if (this.#held === 0 && !this.isShared) this.#choose(true, 0);
      return;
    }
    if (this.isShared) {
      if (cost.shared >= CLEAR_GAIN * cost.alone) this.#choose(false, 0);
      else this.#alone = HELD_WINDOWS.least;
    } else if (cost.shared <= cost.alone) {
      this.#choose(true, HELD_WINDOWS.least);
    } else {
      this.#choose(false, this.#alone);
      this.#alone = Math.min(2 * this.#alone, HELD_WINDOWS.most);
    }
  }

  #choose(isShared: boolean, windows: number): void {
    if (isShared && !this.isShared && windows === 0) this.#cost.shared = 0;
    this.isShared = isShared;
    this.#held = windows;
  }
}
