/** A short version of `npm run bench:server`: whether every client gets what it would get alone, not how fast. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { failedBars, runServerLoad } from "./server-load.mjs";
import { environment, root } from "./setup.mjs";

beforeAll(async () => {
  // A test of the build must not test a stale one.
  const args = ["run", "build", "--filter=@blackmamba/cli...", "--output-logs=errors-only"];
  await promisify(execFile)(join(root, "node_modules/.bin/turbo"), args, { cwd: root, env: environment });
}, 300_000);

// Not on the software adapter, which takes minutes for it; batches on WebGPU have tests of their own in `packages/model`.
test("16 clients get what each would get alone", async () => {
  const report = await runServerLoad({ device: "cpu", clients: 16, seconds: 5, aloneSeconds: 1 });
  expect(failedBars(report, { timings: false })).toEqual([]);
  expect(report.answers).toBeGreaterThan(16);
  expect(report.vanished).toBeGreaterThan(0);
});

test("a report in which something is wrong says what", () => {
  /** @type {import("./server-load.mjs").LoadReport} */
  const report = {
    ...{ device: "cpu", clients: 2, seconds: 1, answers: 9, vanished: 1 },
    ...{ errors: ["503 busy"], mixedUp: ["a → b"], different: ["c → d"] },
    firstTokenMs: { median: 10, most: 50, ratio: 5 },
    tokenMs: { median: 1, most: 2 },
    tokensPerSecond: { alone: 10, together: 40, ratio: 4 },
    freedSlot: { slowestMs: 9, steps: 3 },
    memory: { rss: { before: 100, after: 106, percent: 6 }, heap: { before: 10, after: 11, percent: 10 } },
  };
  expect(failedBars(report, { timings: true })).toHaveLength(8);
  expect(failedBars(report, { timings: false })).toEqual([
    "1 errors, the first: 503 busy",
    "1 texts were mixed up, the first: a → b",
    "1 answers are not what the model says alone, the first: c → d",
    "a slot was free 3 steps after its client had vanished, expected at most 2",
  ]);
});
