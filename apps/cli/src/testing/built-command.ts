/** The built command as a process. For tests only. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

/** The file that Node runs. */
export const main = join(root, "apps/cli/dist/main.js");

/** Builds the command. A test of the build must not test a stale one; turbo does nothing where nothing changed. */
export async function buildCommand(): Promise<void> {
  await promisify(execFile)(
    join(root, "node_modules/.bin/turbo"),
    ["run", "build", "--filter=@blackmamba/cli...", "--output-logs=errors-only"],
    { cwd: root, env: { ...process.env, CI: "true", TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" } },
  );
}

/** What a process has said when it ends. */
export interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** A process, and its end. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
}

/** Starts the command in a folder. */
export function startCommand(args: readonly string[], folder: string, env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...process.env, ...env } });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, out, err }));
  });
  return { child, ended };
}
