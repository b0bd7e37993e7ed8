/** A file that a command reads as a whole. */
import { readFile } from "node:fs/promises";
import { InputFileError } from "./errors.ts";

/**
 * Reads a file.
 *
 * @param expected - what it should be, for the error
 * @throws InputFileError
 */
export async function readInputFile(path: string, expected: string, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await readFile(path, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const { code, message } = cause as NodeJS.ErrnoException;
    const found = code === "ENOENT" ? "there is none" : `it cannot be read (${message})`;
    throw new InputFileError(path, `expected ${expected}, but ${found}`, { cause });
  }
}
