import { expect, test } from "vitest";
import { MAX_RUN_STEPS } from "../forward/slots.ts";
import { createPace } from "./pace.ts";

/** Steps of each run on a device that takes `stepMs` for a step, and always has the next run queued. */
function runs(stepMs: number, count: number, software = false): number[] {
  const pace = createPace({ kind: "webgpu", software });
  let now = 100;
  return Array.from({ length: count }, () => {
    const steps = pace.steps(1000);
    const queued = now;
    now += steps * stepMs;
    pace.note(steps, queued, now);
    return steps;
  });
}

test("runs grow until they take 8 ms, or as many steps as fit", () => {
  expect(runs(1, 6)).toEqual([1, 4, 8, 8, 8, 8]);
  expect(runs(0.05, 6)).toEqual([1, 4, 16, 64, 64, 64]);
  expect(runs(0.05, 20).at(-1)).toBe(MAX_RUN_STEPS);
  expect(runs(40, 4)).toEqual([1, 1, 1, 1]);
});

test("a device that becomes slower is asked for less", () => {
  const pace = createPace({ kind: "webgpu", software: false });
  let now = 0;
  const run = (stepMs: number) => {
    const steps = pace.steps(1000);
    now += steps * stepMs;
    pace.note(steps, 0, now);
    return steps;
  };
  for (let i = 0; i < 8; i++) run(1);
  expect(run(20)).toBe(8);
  expect(run(20)).toBeLessThan(3);
  expect(run(20)).toBe(1);
});

test("ends that are noticed late, two at a time, do not make runs longer than they may be", () => {
  const pace = createPace({ kind: "webgpu", software: false });
  const sizes: number[] = [];
  let done = 0;
  for (let pair = 0; pair < 20; pair++) {
    const [first, second] = [pace.steps(1000), pace.steps(1000)];
    done += first + second;
    pace.note(first, 0, done);
    pace.note(second, 0, done);
    sizes.push(first, second);
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(8);
  expect(sizes.at(-1)).toBe(4);
});

test("the time of a prompt is not taken for that of a step", () => {
  const pace = createPace({ kind: "webgpu", software: false });
  pace.noteOther(500);
  pace.note(1, 2, 501);
  expect(pace.steps(1000)).toBe(4);
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

test("where the host is late, more runs are under way; where it has long been in time, fewer", () => {
  const pace = createPace({ kind: "webgpu", software: false });
  let done = 0;
  const run = (ms: number) => {
    done += ms;
    pace.note(8, 0, done);
  };
  for (let i = 0; i < 10; i++) run(8);
  expect(pace.depth).toBe(2);
  // The end of one is noticed 40 ms late, and so the next one's at the same time.
  run(48);
  run(0.1);
  expect(pace.depth).toBe(3);
  for (let i = 0; i < 20; i++) {
    run(8);
    run(0.1);
  }
  expect(pace.depth).toBe(8);
  for (let i = 0; i < 2000; i++) run(8);
  expect(pace.depth).toBe(2);
});
