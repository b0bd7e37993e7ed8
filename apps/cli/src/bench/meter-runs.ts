/** How much time JavaScript spends handing work to a device: in `run`, until it returns its promise. */
import type { Device } from "@blackmamba/model";

export interface RunMeter {
  /** ms spent so far. */
  readonly encodeMs: number;
  /** Leaves the device as it was. */
  stop(): void;
}

/**
 * Watches a device's `run`. On a GPU that is encoding and submitting; on the CPU the work itself begins there, so the figure says
 * nothing.
 */
export function meterRuns(device: Device): RunMeter {
  let encodeMs = 0;
  const run = device.run.bind(device);
  device.run = (...values) => {
    const start = performance.now();
    const done = run(...values);
    encodeMs += performance.now() - start;
    return done;
  };
  return {
    get encodeMs() {
      return encodeMs;
    },
    stop() {
      // Its own method shows again.
      Reflect.deleteProperty(device, "run");
    },
  };
}
