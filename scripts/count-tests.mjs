/**
 * Reads vitest's JSON report and prints `passed failed` for the CI script to add up. A file that could not even be loaded
 * has no tests to count: it counts as one failure.
 */
import { readFile } from "node:fs/promises";

const path = process.argv[2];
if (path === undefined) {
  console.error("Usage: node scripts/count-tests.mjs report.json");
  process.exit(2);
}

const report = JSON.parse(await readFile(path, "utf8"));
let unloadable = 0;
for (const file of report.testResults) {
  if (
    file.status === "failed" &&
    !file.assertionResults.some((/** @type {{ status: string }} */ test) => test.status === "failed")
  )
    unloadable++;
}
console.log(report.numPassedTests, report.numFailedTests + unloadable);
