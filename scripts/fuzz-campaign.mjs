/**
 * Runs a fuzz target over many files in a process of its own, and watches it: a loop without an end and a heap that overflows are
 * told from outside, with the case that did it. What else is asked of each file: `fuzz-serve.mjs`, `bounds.ts`.
 */
import { fork } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

/** After that long a file has no end. By the clock, so several times what it may take of the processor's time. */
const HANG_MS = 20_000;

/** Half of the 512 MB that a file may take; the other half is arrays', see `bounds.ts`. */
const MAX_HEAP_MB = 256;

/** Between two looks at what the process does. */
const WATCH_EVERY_MS = 250;

/**
 * @typedef {{ readonly name: string, readonly files: number, readonly outcomes: readonly string[] }} TargetInfo
 * @typedef {{ kind: "list" | "make" | "read", target: string, seed: number, first: number, count: number, stateFile: string }} Task
 * @typedef {{ targets?: TargetInfo[], file?: Uint8Array, outcomes?: Record<string, number>, slowestMs?: number, failure?: string, done?: boolean }} Report
 * @typedef {{ readonly outcomes: Readonly<Record<string, number>>, readonly files: number, readonly slowestMs: number }} Result
 */

/** A case that failed. `message` says why, and how it is run again. */
export class CaseFailure extends Error {
  /**
   * @param {string} target
   * @param {number} seed
   * @param {number} index
   * @param {string} why
   * @param {Uint8Array | undefined} file
   */
  constructor(target, seed, index, why, file) {
    const again = `npm run fuzz -- --target ${target} --seed ${seed} --case ${index}`;
    super(`${target}, seed ${seed}, case ${index}: ${why}\nAgain: ${again}`);
    this.file = file;
  }
}

/**
 * Bundles a process's program, which calls `serve`. Returns the path of the bundle.
 * @param {string} [entry]  from the repository's root
 */
export async function bundleWorker(entry = "scripts/fuzz-worker.mjs") {
  const root = join(dirname(fileURLToPath(import.meta.url)), "..");
  // Within the repository, where packages are found; of this process alone, as others may bundle it just now.
  const file = join(root, "node_modules", ".cache", "blackmamba", `${process.pid}-${basename(entry)}`);
  await bundle(entry, file);
  return file;
}

/**
 * The targets there are.
 * @param {string} worker  from `bundleWorker`
 * @returns {Promise<TargetInfo[]>}
 */
export async function listTargets(worker) {
  const { targets } = await ask(worker, taskOf("list"));
  return targets ?? [];
}

/**
 * Reads the files of cases `first` to `first + count`. Throws `CaseFailure` at the first that is neither read nor refused within
 * the bounds.
 * @param {string} worker  from `bundleWorker`
 * @param {{ target: string, seed: number, first?: number, count: number, hangMs?: number }} campaign
 * @returns {Promise<Result>}
 */
export async function runCampaign(worker, { target, seed, first = 0, count, hangMs = HANG_MS }) {
  const folder = await mkdtemp(join(tmpdir(), "blackmamba-fuzz-"));
  const stateFile = join(folder, "state");
  /** Which case it is, and since when. */
  const look = async () => {
    const bytes = await readFile(stateFile).catch(() => new Uint8Array());
    const [index = first, sinceMs = Date.now()] = new Float64Array(Uint8Array.from(bytes).buffer);
    return { index, sinceMs };
  };
  /** @type {Record<string, number>} */
  const outcomes = {};
  let slowestMs = 0;
  const child = start(worker, { ...taskOf("read", target, seed, first), count, stateFile });
  try {
    /** @type {string | undefined} */
    const why = await new Promise((resolve) => {
      const watch = setInterval(async () => {
        const { sinceMs } = await look();
        if (Date.now() - sinceMs > hangMs) end(`it had no end after ${hangMs / 1000} s`);
      }, WATCH_EVERY_MS);
      const end = (/** @type {string | undefined} */ reason) => {
        clearInterval(watch);
        resolve(reason);
      };
      child.on("message", (/** @type {Report} */ report) => {
        for (const [outcome, files] of Object.entries(report.outcomes ?? {})) {
          outcomes[outcome] = (outcomes[outcome] ?? 0) + files;
        }
        slowestMs = Math.max(slowestMs, report.slowestMs ?? 0);
        if (report.failure || report.done) end(report.failure);
      });
      let log = "";
      child.stderr?.on("data", (text) => {
        log += text;
      });
      child.on("close", (code, signal) => {
        const fatal = /FATAL ERROR: .*/.exec(log)?.[0] ?? log.trim().slice(-1000);
        end(`the process ended with ${code ?? signal}: ${fatal}`);
      });
    });
    if (why === undefined) {
      return { outcomes, slowestMs, files: Object.values(outcomes).reduce((sum, files) => sum + files, 0) };
    }
    const { index } = await look();
    const { file } = await ask(worker, taskOf("make", target, seed, index));
    throw new CaseFailure(target, seed, index, why, file);
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
}

/**
 * @param {Task["kind"]} kind
 * @returns {Task}
 */
function taskOf(kind, target = "", seed = 0, first = 0) {
  return { kind, target, seed, first, count: 0, stateFile: "" };
}

/**
 * @param {string} worker
 * @param {Task} task
 */
function start(worker, task) {
  return fork(worker, [JSON.stringify(task)], {
    execArgv: [`--max-old-space-size=${MAX_HEAP_MB}`],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/**
 * The answer to what takes one report.
 * @param {string} worker
 * @param {Task} task
 * @returns {Promise<Report>}
 */
function ask(worker, task) {
  return new Promise((resolve, reject) => {
    const child = start(worker, task);
    child.on("message", (/** @type {Report} */ report) => {
      resolve(report);
      child.kill();
    });
    child.on("close", (code, signal) => reject(new Error(`the fuzzing process ended with ${code ?? signal}`)));
    child.on("error", reject);
  });
}
