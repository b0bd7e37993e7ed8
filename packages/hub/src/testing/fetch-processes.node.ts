/** Processes of the program in `fetch-model.ts`, bundled from the sources once for a file of tests. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** What a process is given. */
export interface FetchOptions {
  readonly model: string;
  readonly endpoint: string;
  readonly cacheFolder: string;
  /** Before the program: a shell's limits. */
  readonly prefix?: string | undefined;
}

/** A process that runs. */
export interface FetchProcess {
  readonly child: ChildProcess;
  /** What it printed, once it has ended; nothing if it was killed. */
  readonly ended: Promise<{ readonly output: string; readonly error: string } | undefined>;
}

/** The program. */
export interface FetchProgram {
  start(options: FetchOptions): FetchProcess;
  remove(): Promise<void>;
}

/** Bundles it. */
export async function bundleFetchProgram(): Promise<FetchProgram> {
  const folder = await mkdtemp(join(tmpdir(), "hub-program-"));
  const program = join(folder, "fetch-model.mjs");
  const entry = "packages/hub/src/testing/fetch-model.ts";
  await promisify(execFile)(process.execPath, ["scripts/bundle.mjs", entry, program], { cwd: root });
  return {
    start: ({ model, endpoint, cacheFolder, prefix }) => {
      const env = { ...process.env, NODE_OPTIONS: "", HF_ENDPOINT: endpoint, HF_HUB_CACHE: cacheFolder, HF_TOKEN: "" };
      const command = [process.execPath, program, model];
      const [file = "", ...args] = prefix ? ["sh", "-c", `${prefix}; exec "$@"`, "sh", ...command] : command;
      return watch(spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"] }));
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

function watch(child: ChildProcess): FetchProcess {
  let [output, error] = ["", ""];
  child.stdout?.on("data", (piece) => {
    output += piece;
  });
  child.stderr?.on("data", (piece) => {
    error += piece;
  });
  const ended: FetchProcess["ended"] = new Promise((resolve) =>
    child.on("close", (code) => resolve(code === null ? undefined : { output, error })),
  );
  return { child, ended };
}
