import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, inject, test } from "vitest";

/** @param {string} name */
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** @param {string[]} command */
const runWithAdapter = (...command) =>
  spawnSync(process.execPath, [script("software-adapter.mjs"), "--", ...command], { encoding: "utf8" });

// The types of what the configuration provides belong to packages/testing, which scripts do not import.
const devices = /** @type {string[]} */ (inject(/** @type {never} */ ("devices")));

test.runIf(devices.includes("webgpu"))("a command finds a WebGPU adapter", () => {
  const { status, stdout } = runWithAdapter(process.execPath, script("describe-adapter.mjs"));
  expect(stdout).not.toContain("none");
  expect(status).toBe(0);
});

test.runIf(devices.includes("webgpu"))("the command's exit code is passed on", () => {
  expect(runWithAdapter(process.execPath, "-e", "process.exit(7)").status).toBe(7);
});

test("without a command it says how it is used", () => {
  const { status, stderr } = spawnSync(process.execPath, [script("software-adapter.mjs")], { encoding: "utf8" });
  expect(status).toBe(2);
  expect(stderr).toContain("Usage");
});
