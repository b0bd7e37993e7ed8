/**
 * Brings a fresh clone into working order: dependencies installed, packages built. Needs Node and npm only, asks
 * nothing, and does nothing that is already done.
 *
 * It is not a task runner: turbo knows what to build, pnpm knows what to install.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The environment of everything that the scripts start: the workspace's own tools first, nobody asks, nobody reports. */
export const environment = {
  ...process.env,
  PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  npm_config_update_notifier: "false",
};

/** Ends the process with one clear line where Node is too old to go on. */
export async function requireNode() {
  const { engines } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  /** @param {string} version */
  const rank = (version) => version.split(".").reduce((sum, part) => sum * 1000 + Number(part), 0);
  if (rank(process.versions.node) < rank(engines.node.replace(">=", ""))) {
    console.error(`Node ${engines.node} is needed, this is ${process.versions.node}.`);
    process.exit(1);
  }
}

/** Installs what the lockfile names, unless exactly that is installed already. */
export async function installDependencies() {
  // pnpm keeps the lockfile of what it installed last: equal files mean that there is nothing to do.
  const [wanted, present] = await Promise.all(
    ["pnpm-lock.yaml", "node_modules/.pnpm/lock.yaml"].map((path) =>
      readFile(join(root, path), "utf8").catch(() => ""),
    ),
  );
  if (wanted === present) return;
  const { packageManager } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  console.error("Installing dependencies …");
  // From elsewhere: inside the repository npx would run the workspace's own pnpm, which may be about to replace itself.
  await runQuietly("npx", ["--yes", packageManager, "--dir", root, "install", "--frozen-lockfile"], tmpdir());
}

/**
 * Builds a package and the packages it stands on.
 * @param {string} name
 */
export async function build(name) {
  await runQuietly("turbo", [
    "run",
    "build",
    `--filter=${name}...`,
    "--output-logs=errors-only",
    "--log-order=grouped",
  ]);
}

/**
 * Runs a command whose output matters only if it fails; then this process ends with one line and that output.
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 */
async function runQuietly(command, args, cwd = root) {
  // CI=true: no tool may wait for an answer.
  const child = start(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], env: { ...environment, CI: "true" } });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text) => {
      log += text;
    });
  }
  const code = await exitCode(child).catch((error) => {
    log += error.message;
    return 1;
  });
  if (code === 0) return;
  console.error(`Setup failed: \`${[command, ...args].join(" ")}\` ended with ${code}.\n\n${log.trimEnd()}`);
  process.exit(1);
}

/**
 * Runs a command in the foreground and resolves to its exit code.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function runInForeground(command, args, env = environment) {
  const child = start(command, args, { stdio: "inherit", env });
  // A signal to this process is meant for the child. Ctrl-C in a terminal reaches the child by itself, and twice would
  // be once too often: many programs end at once on the second.
  const isTerminal = process.stdin.isTTY === true;
  process.on("SIGINT", () => isTerminal || child.kill("SIGINT"));
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"])) process.on(signal, () => child.kill(signal));
  return exitCode(child);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 */
function start(command, args, options) {
  // On Windows the tools are .cmd files, which only a shell starts.
  const shell = process.platform === "win32" && command !== process.execPath;
  return spawn(command, args, { cwd: root, shell, ...options });
}

/**
 * The exit code, with a signal counted as shells count it.
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<number>}
 */
function exitCode(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
