/**
 * How many tokens a device is asked for at a time, and how far it runs ahead of the reader. Many at a time keep a fast device
 * busy; few, and ids come evenly and little is computed in vain.
 */
import type { Device } from "@blackmamba/tensor";
import { MAX_RUN_STEPS } from "../forward/slots.ts";

/**
 * How long the device may be busy with one run. A reader waits for two at most, the one that is awaited and the one before,
 * and for what JavaScript takes to ask for the next: less than the 30 ms between two pictures of a smooth stream.
 */
const RUN_MS = 8;

/** Runs that the time of a step is taken from: the end of one may be noticed late, and that of the next at the same time. */
const RUNS_MEASURED = 4;

/**
 * Runs under way at once, to begin with and at most. Two are enough where the host is there when one ends; where it is late, now and
 * then by many milliseconds, the device has to have more to do in the meantime. What is under way when a text ends is lost.
 */
const [MIN_DEPTH, MAX_DEPTH] = [2, 8];

/** A run that took less than this of the time of the one before had ended with it: the host was late. */
const LATE_SHARE = 1 / 4;

/** After so many runs without being late, one less is enough. */
const CALM_RUNS = 200;

/** How much longer a run may be than the one before: a first measurement is a rough one. */
const MAX_GROWTH = 4;

/** The pace of a device with one model; generations that follow each other go on with what was measured before. */
export interface Pace {
  /** Runs that are under way at once. */
  readonly depth: number;
  /** Steps of the next run, of the `left` there are. */
  steps(left: number): number;
  /** Tells that a run of so many steps, queued at `queued` (in ms), was done at `done`. */
  note(steps: number, queued: number, done: number): void;
  /** Tells that the device was done with something else, a prompt, at `done`. */
  noteOther(done: number): void;
}

/** The pace for a device. */
export function createPace({ kind, software }: Pick<Device, "kind" | "software">): Pace {
  // What runs here runs instead of the reader: nothing ahead of what is asked for.
  if (kind === "cpu") return { depth: 1, steps: () => 1, note: () => {}, noteOther: () => {} };
  let size = 1;
  let depth = software ? 1 : MIN_DEPTH;
  let calmRuns = 0;
  let doneBefore = 0;
  let stepsMs: number[] = [];
  return {
    get depth() {
      return depth;
    },
    steps: (left) => Math.min(size, left),
    note(steps, queued, done) {
      // A run begins when it is queued, or when the one before is done.
      const stepMs = (done - Math.max(queued, doneBefore)) / steps;
      const stepMsBefore = stepsMs.at(-1) ?? 0;
      calmRuns += 1;
      if (!software && stepMs < stepMsBefore * LATE_SHARE) {
        depth = Math.min(depth + 1, MAX_DEPTH);
        calmRuns = 0;
      } else if (calmRuns === CALM_RUNS) {
        depth = Math.max(depth - 1, software ? 1 : MIN_DEPTH);
        calmRuns = 0;
      }
      stepsMs = [...stepsMs, stepMs].slice(-RUNS_MEASURED);
      doneBefore = done;
      // Two that are noticed together look like a slow one and one that took no time: the slow one counts.
      const fitting = Math.floor(RUN_MS / Math.max(...stepsMs));
      size = Math.max(1, Math.min(fitting, size * MAX_GROWTH, MAX_RUN_STEPS));
    },
    noteOther(done) {
      doneBefore = done;
    },
  };
}
