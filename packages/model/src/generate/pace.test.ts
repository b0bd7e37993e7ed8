import { expect, test } from "vitest";
import { MAX_RUN_STEPS } from "../forward/slots.ts";
import { createPace } from "./pace.ts";

/** Steps of each run on a device that takes `stepMs` for a step, and always has the next run queued. */
function runs(stepMs: number, count: number, software = false): number[] {
  const pace = createPace({ kind: "webgpu", software });
  let now = 100;
  return Array.from({ length: count }, () => {
    const steps = pace.steps(1000);
    const queued = now - 1;
    now += steps * stepMs;
    pace.note(steps, queued, now);
    return steps;
  });
}

test("runs grow until they take 12 ms, or as many steps as fit", () => {
  expect(runs(1, 7)).toEqual([1, 2, 4, 8, 12, 12, 12]);
  expect(runs(0.05, 9)).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
  expect(runs(0.05, 20).at(-1)).toBe(MAX_RUN_STEPS);
  expect(runs(40, 4)).toEqual([1, 1, 1, 1]);
});

test("a device that becomes slower is asked for less", () => {
  const pace = createPace({ kind: "webgpu", software: false });
  pace.note(1, 0, 1);
  pace.note(2, 0, 2);
  expect(pace.steps(1000)).toBe(4);
  pace.note(4, 1, 42);
  expect(pace.steps(1000)).toBe(1);
});

test("never more than are left", () => {
  const pace = createPace({ kind: "webgpu", software: false });
  pace.note(1, 0, 1);
  expect(pace.steps(1)).toBe(1);
});

test("a device that is really this computer does not run ahead; the CPU makes one token at a time", () => {
  expect(createPace({ kind: "webgpu", software: false }).depth).toBe(2);
  expect(createPace({ kind: "webgpu", software: true }).depth).toBe(1);
  const cpu = createPace({ kind: "cpu", software: true });
  cpu.note(1, 0, 0.001);
  expect([cpu.depth, cpu.steps(1000)]).toEqual([1, 1]);
});
