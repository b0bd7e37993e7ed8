/**
 * `npm test`: every test, on every device, on a machine that has only Node and npm. Sets up what is missing; what follows
 * `--` goes to vitest (`npm test -- packages/kernels`).
 *
 * WebGPU is never skipped silently: where no adapter is found the run fails, unless `--no-webgpu` (or
 * BLACKMAMBA_NO_WEBGPU=1) says that the CPU alone is meant. Which projects and devices there are: vitest.config.ts.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { environment, installDependencies, requireNode, runInForeground } from "./setup.mjs";

const args = process.argv.slice(2).filter((arg) => arg !== "--no-webgpu");
const isWebgpuOff = process.argv.includes("--no-webgpu") || process.env.BLACKMAMBA_NO_WEBGPU === "1";

/** @param {string} name */
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

await requireNode();
await installDependencies();

let isAdapterMissing = false;
if (!isWebgpuOff) {
  const [run, describe] = [script("software-adapter.mjs"), script("describe-adapter.mjs")];
  const probe = spawnSync(process.execPath, [run, "--", process.execPath, describe], { encoding: "utf8" });
  isAdapterMissing = probe.status !== 0;
  console.error(`WebGPU adapter: ${probe.stdout.trim() || probe.stderr.trim()}`);
  if (isAdapterMissing)
    console.error("The tests on WebGPU will fail. `npm test -- --no-webgpu` runs the others alone.");
}

const code = await runInForeground("vitest", ["run", ...args], {
  ...environment,
  BLACKMAMBA_NO_WEBGPU: isWebgpuOff ? "1" : "",
});
process.exitCode = code === 0 && isAdapterMissing ? 1 : code;
