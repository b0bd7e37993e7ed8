/** A file of text, as it is. */
import { InputFileError } from "../errors.ts";
import { readInputFile } from "../input-file.ts";

/** Reads a file in UTF-8. */
export async function readText(path: string, signal: AbortSignal): Promise<{ text: string; bytes: Uint8Array }> {
  const bytes = await readInputFile(path, "a file of text", signal);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes };
  } catch (cause) {
    const size = `${bytes.byteLength} in all`;
    throw new InputFileError(path, `expected UTF-8 text, found other bytes (${size}); convert it with iconv`, {
      cause,
    });
  }
}
