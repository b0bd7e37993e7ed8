/** A file that an option names for what comes of a command: written at the end, all or nothing. */
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAll } from "@blackmamba/checkpoint";
import { createFileSink } from "@blackmamba/checkpoint/node";
import { OutputError } from "../errors.ts";

/**
 * Whether it could be written, as far as can be told before.
 *
 * @param mayReplace - whether a file that is there may go
 */
export async function checkResultFile(path: string, mayReplace: boolean): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new OutputError(path, `expected a folder to write to, found none (${(cause as Error).message})`, { cause });
  }
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory())
    throw new OutputError(path, "expected the name of a file, found a folder; name a file in it");
  if (!found || mayReplace) return;
  throw new OutputError(path, "expected no file of this name, found one; name another, or overwrite it with --force");
}

/** Writes it, in place of one that is there. */
export async function writeResultFile(path: string, contents: string | Uint8Array): Promise<void> {
  try {
    await writeAll(await createFileSink(path), typeof contents === "string" ? Buffer.from(contents) : contents);
  } catch (cause) {
    throw new OutputError(path, `expected to write the file, but could not (${(cause as Error).message})`, { cause });
  }
}
