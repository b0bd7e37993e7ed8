/** The golden checkpoints, for tests in Node. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { ByteSource } from "../byte-source.ts";
import { bytesSource } from "../byte-source.ts";

/** Folders of checkpoints that the reference wrote. */
export const GOLDEN = ["blackmamba", "all-block-kinds", "softmax-top1"] as const;

/** Path of a golden file. */
export function goldenPath(folder: string, file: string): string {
  return fileURLToPath(new URL(`../../../../fixtures/golden/${folder}/${file}`, import.meta.url));
}

/** A golden file in memory. */
export async function goldenSource(folder: string, file: string): Promise<ByteSource> {
  return bytesSource(await readFile(goldenPath(folder, file)), file);
}
