import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a file that cannot be loaded counts as one failure", async () => {
  const folder = await mkdtemp(join(tmpdir(), "count-tests-"));
  const path = join(folder, "report.json");
  const report = {
    numPassedTests: 3,
    numFailedTests: 1,
    testResults: [
      { status: "passed", assertionResults: [{ status: "passed" }, { status: "passed" }] },
      { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] },
      { status: "failed", assertionResults: [] },
    ],
  };
  await writeFile(path, JSON.stringify(report));
  const script = fileURLToPath(new URL("count-tests.mjs", import.meta.url));
  const { stdout } = spawnSync(process.execPath, [script, path], { encoding: "utf8" });
  await rm(folder, { recursive: true });
  expect(stdout).toBe("3 2\n");
});
