/**
 * Does in a process of its own what `fuzz-campaign.mjs` asks of it: lists targets, makes a file, or reads those of a campaign.
 * Bounds the time and the arrays of each file, and reports. What ends the process, or never ends, is watched from outside.
 */
import { openSync, writeSync } from "node:fs";
import { outcomeOf, randomOfCase } from "@blackmamba/testing/fuzz";
import { endCase, requireUnchanged, startCase } from "@blackmamba/testing/fuzz/bounds";

/**
 * @typedef {import("@blackmamba/testing/fuzz").FuzzTarget} FuzzTarget
 * @typedef {import("./fuzz-campaign.mjs").Task} Task
 * @typedef {import("./fuzz-campaign.mjs").Report} Report
 */

/** The most of the processor's time that one file may take: what else runs on a machine is no property of a file. */
const MAX_CASE_MS = 2000;

/** Cases between two reports. */
const REPORT_EVERY = 500;

/** @param {readonly FuzzTarget[]} targets */
export async function serve(targets) {
  /** @type {Task} */
  const task = JSON.parse(/** @type {string} */ (process.argv[2]));
  const target = targets.find(({ name }) => name === task.target);
  if (task.kind === "list") {
    report({ targets: targets.map(({ name, files, outcomes }) => ({ name, files, outcomes })) });
  } else if (!target) {
    throw new Error(`no fuzz target is called ${task.target}; there are ${targets.map(({ name }) => name).join(", ")}`);
  } else if (task.kind === "make") {
    report({ file: target.make(randomOfCase(task.seed, task.first)) });
  } else {
    await read(target, task);
  }
}

/**
 * @param {FuzzTarget} target
 * @param {Task} task
 */
async function read(target, { seed, first, count, stateFile }) {
  // A file, because it outlives this process: which case it is, and since when. Reports would be lost.
  const state = openSync(stateFile, "w");
  const stamp = new Float64Array(2);
  /** @type {Record<string, number>} */
  let outcomes = {};
  let slowestMs = 0;
  for (let index = first; index < first + count; index++) {
    const file = target.make(randomOfCase(seed, index));
    stamp[0] = index;
    stamp[1] = Date.now();
    writeSync(state, stamp, 0, stamp.byteLength, 0);
    const start = processorMs();
    startCase();
    try {
      const outcome = await outcomeOf(target, file);
      endCase();
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      report({ failure: error instanceof Error ? error.message : String(error) });
      return;
    }
    const durationMs = processorMs() - start;
    if (durationMs > MAX_CASE_MS) {
      report({ failure: `${durationMs.toFixed(0)} ms of the processor's time` });
      return;
    }
    slowestMs = Math.max(slowestMs, durationMs);
    if ((index - first) % REPORT_EVERY === REPORT_EVERY - 1) {
      report({ outcomes, slowestMs });
      outcomes = {};
    }
  }
  try {
    requireUnchanged();
    report({ outcomes, slowestMs, done: true });
  } catch (error) {
    report({ failure: error instanceof Error ? error.message : String(error) });
  }
}

/** @param {Report} report */
function report(report) {
  process.send?.(report);
}

/** Of the whole process: its other threads wait meanwhile, or work for the same file. */
function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
