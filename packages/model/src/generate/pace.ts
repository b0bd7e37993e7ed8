/**
 * How many tokens a device is asked for at a time, and how far it runs ahead of the reader. Many at a time keep a fast device
 * busy; few, and ids come evenly and little is computed in vain.
 */
import type { Device } from "@blackmamba/tensor";
import { MAX_RUN_STEPS } from "../forward/slots.ts";

/**
 * How long the device may be busy with one run. A reader waits for two at most, the one that is awaited and the one before,
 * which is less than the 30 ms between two pictures of a smooth stream.
 */
const RUN_MS = 12;

/** The pace of one generation. */
export interface Pace {
  /** Runs that are under way at once. */
  readonly depth: number;
  /** Steps of the next run, of the `left` there are. */
  steps(left: number): number;
  /** Tells that a run of so many steps, queued at `queued` (in ms), was done at `done`. */
  note(steps: number, queued: number, done: number): void;
}

/** The pace for a device. */
export function createPace({ kind, software }: Pick<Device, "kind" | "software">): Pace {
  // What runs here runs instead of the reader: nothing ahead of what is asked for.
  if (kind === "cpu") return { depth: 1, steps: () => 1, note: () => {} };
  let size = 1;
  let doneBefore = 0;
  return {
    depth: software ? 1 : 2,
    steps: (left) => Math.min(size, left),
    note(steps, queued, done) {
      // A run begins when it is queued, or when the one before is done.
      const stepMs = (done - Math.max(queued, doneBefore)) / steps;
      doneBefore = done;
      const fitting = Math.floor(RUN_MS / stepMs);
      // No more than twice as many as were measured.
      size = Math.max(1, Math.min(fitting, size * 2, MAX_RUN_STEPS));
    },
  };
}
