/** A file in a browser, which has no folder for such. Chosen by the `#temporary-file` entry of package.json. */
import { memoryFile } from "./memory-file.ts";
import type { TemporaryFile } from "./temporary-file.ts";

/** An empty one. */
export async function createTemporaryFile(): Promise<TemporaryFile> {
  return memoryFile();
}
