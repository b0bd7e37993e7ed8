/** An earlier report, from a file that `--json` was redirected to. */
import { readFile } from "node:fs/promises";
import { ReportFileError } from "../errors.ts";
import type { BenchReport } from "./report.ts";

/**
 * Reads a report.
 *
 * @throws ReportFileError when there is no file, or it is no report of a format that this version writes
 */
export async function readReport(path: string): Promise<BenchReport> {
  let report: Partial<BenchReport> | null;
  try {
    report = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const found = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "none" : `${(cause as Error).message}`;
    throw new ReportFileError(`${path}: expected a report, found ${found}; make one with blackmamba bench --json`, {
      cause,
    });
  }
  if (report?.format === 1 && report.decode && report.prefill && report.ceiling) return report as BenchReport;
  const found = report?.format === undefined ? "other JSON" : `format ${String(report.format)}`;
  throw new ReportFileError(
    `${path}: expected a report of format 1, found ${found}; make one with this version's bench`,
  );
}
