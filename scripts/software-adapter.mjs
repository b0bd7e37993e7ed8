/**
 * A WebGPU adapter that runs on the processor, and a headless Chromium that has WebGPU: for tests, and for machines
 * without a GPU. Both come out of the npm package `@sparticuz/chromium`, so nothing is installed by root.
 *
 * It is not a GPU: correct, but slow. It is made for Linux on x64, the only platform the package carries files for.
 *
 * As a command: `node scripts/software-adapter.mjs -- command args…` runs a command that will find the adapter.
 */
import { spawn } from "node:child_process";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const packageFolder = join(root, "node_modules", "@sparticuz", "chromium");

/**
 * @typedef {object} SoftwareAdapter
 * @property {string} version of the package the files came from
 * @property {string} chromium path of the browser
 * @property {Record<string, string>} nodeEnvironment lets Dawn find the adapter. The dynamic linker reads it when a
 *   process starts, so it must be there before: setting `process.env` later changes nothing.
 * @property {Record<string, string>} chromiumEnvironment lets the browser find the libraries that a bare system lacks
 */

/** Can the packaged files run here at all? */
export function isSoftwareAdapterSupported() {
  return process.platform === "linux" && process.arch === "x64";
}

/** Is the machine's own adapter used: because its owner says so, or because there is no other? */
export function usesSystemAdapter() {
  return process.env.BLACKMAMBA_TEST_ADAPTER === "system" || !isSoftwareAdapterSupported();
}

/**
 * Unpacks the adapter and the browser once per version, and says where they are.
 * @returns {Promise<SoftwareAdapter>}
 */
export async function prepareSoftwareAdapter() {
  if (!isSoftwareAdapterSupported()) {
    throw new Error(`The software adapter runs on linux-x64 only, this is ${process.platform}-${process.arch}.`);
  }
  const { version } = JSON.parse(await readFile(join(packageFolder, "package.json"), "utf8"));
  const folder = join(root, "node_modules", ".cache", "blackmamba", `software-adapter-${version}`);
  if (!existsSync(folder)) await unpackTo(folder);

  const inherited = process.env.LD_LIBRARY_PATH ? [process.env.LD_LIBRARY_PATH] : [];
  return {
    version,
    chromium: join(folder, "chromium"),
    nodeEnvironment: {
      // Both names: the loader prefers the newer one, and a machine that sets it would hide ours.
      VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"),
      VK_DRIVER_FILES: join(folder, "vk_swiftshader_icd.json"),
      LD_LIBRARY_PATH: [folder, ...inherited].join(delimiter),
    },
    // `lib` holds NSS and expat. Always ours, never the system's: every machine then tests the same files.
    chromiumEnvironment: { LD_LIBRARY_PATH: [folder, join(folder, "lib")].join(delimiter) },
  };
}

/**
 * How playwright starts a Chromium that has WebGPU.
 * @param {SoftwareAdapter | undefined} software none where the machine's own browser is to be taken
 */
export function chromiumOptions(software) {
  return {
    ...(software ? { executablePath: software.chromium } : {}),
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--disable-gpu-sandbox",
      // Nothing leaves the machine.
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--no-pings",
      ...(usesSystemAdapter() ? ["--enable-features=Vulkan"] : ["--use-webgpu-adapter=swiftshader"]),
    ],
    env: { .../** @type {Record<string, string>} */ (process.env), ...software?.chromiumEnvironment },
  };
}

/**
 * Complete or absent: the files are unpacked beside their place and moved there in one step, so that neither an
 * interrupted run nor two at once leave half a folder.
 * @param {string} folder
 */
async function unpackTo(folder) {
  const tar = await import("tar");
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}.`);
  /** @param {string} name @param {NodeJS.WritableStream} target */
  const unpack = (name, target) =>
    pipeline(createReadStream(join(packageFolder, "bin", name)), createBrotliDecompress(), target);
  try {
    await Promise.all([
      unpack("swiftshader.tar.br", tar.extract({ cwd: unfinished, preserveOwner: false })),
      unpack("al2023.tar.br", tar.extract({ cwd: unfinished, preserveOwner: false })),
      unpack("chromium.br", createWriteStream(join(unfinished, "chromium"), { mode: 0o755 })),
    ]);
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was faster: its folder is as good.
    if (!existsSync(folder)) throw error;
  }
}

async function main() {
  const [command, ...args] = process.argv.slice(process.argv.indexOf("--") + 1);
  if (!process.argv.includes("--") || command === undefined) {
    console.error("Usage: node scripts/software-adapter.mjs -- command args…");
    process.exit(2);
  }
  const environment = usesSystemAdapter() ? {} : (await prepareSoftwareAdapter()).nodeEnvironment;
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...environment } });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`Could not start ${command}: ${error.message}`);
    process.exit(127);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? "SIGTERM"]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
