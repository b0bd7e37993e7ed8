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

/**
 * Path of a golden file as it was handed over, beside the checkout: what is too large to be copied. It may not be there.
 */
export function sharedGoldenPath(folder: string, file: string): string {
  return fileURLToPath(new URL(`../../../../../shared/golden/${folder}/${file}`, import.meta.url));
}

/** A tensor by its hash. */
export interface HashedTensor {
  /** In safetensors' words. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256: string;
}

/** The tensors of `model.safetensors`, by name, as `scripts/hash-tensors.mjs` found them. */
export async function goldenHashes(folder: string): Promise<Record<string, HashedTensor>> {
  return JSON.parse(await readFile(goldenPath(folder, "tensors.json"), "utf8"));
}

/** A golden file in memory. */
export async function goldenSource(folder: string, file: string): Promise<ByteSource> {
  return bytesSource(await readFile(goldenPath(folder, file)), file);
}
