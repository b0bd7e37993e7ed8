/** The file that `--output` names: written at the end, all or nothing. */
import { access, constants, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { OutputError } from "../errors.ts";

/** Whether it could be written, as far as can be told before. */
export async function checkReportFile(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new OutputError(path, `expected a folder to write to, found none (${(cause as Error).message})`, { cause });
  }
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) throw new OutputError(path, "expected the name of a file, found a folder; name a file in it");
}

/** Writes it, in place of one that is there. */
export async function writeReport(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new OutputError(path, `expected to write results, but could not (${(cause as Error).message})`, { cause });
  }
}
