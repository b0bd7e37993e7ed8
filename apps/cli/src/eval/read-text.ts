/** A file of text, as it is. */
import { readFile } from "node:fs/promises";
import { TextFileError } from "../errors.ts";

/** Reads a file in UTF-8. */
export async function readText(path: string, signal: AbortSignal): Promise<{ text: string; bytes: Uint8Array }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const { code, message } = cause as NodeJS.ErrnoException;
    const found = code === "ENOENT" ? "there is none" : `it cannot be read (${message})`;
    throw new TextFileError(path, `expected a file of text, but ${found}`, { cause });
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes };
  } catch (cause) {
    const size = `${bytes.byteLength} in all`;
    throw new TextFileError(path, `expected UTF-8 text, found other bytes (${size}); convert it with iconv`, { cause });
  }
}
