/**
 * The index of a checkpoint in several files, as transformers writes it beside them: `model.safetensors.index.json`, or
 * `pytorch_model.bin.index.json`. Not here: the files, see `open-shards.ts`.
 */
import { ShardError } from "../errors.ts";

/** Most tensors and files of an index: far above any real one. */
const MAX_ENTRIES = 1_000_000;

/** Which file each tensor is in. */
export interface ShardIndex {
  /** Names the index in errors. */
  readonly name: string;
  /** By the tensor's name: the file's, within the index's own folder. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Reads a parsed index.
 *
 * @param json - the parsed file
 * @param name - names it in errors
 * @throws ShardError where it is no index, or a file is not within its own folder
 */
export function parseShardIndex(json: unknown, name: string): ShardIndex {
  const map = isObject(json) ? json["weight_map"] : undefined;
  if (!isObject(map)) {
    throw new ShardError(
      name,
      'expected an object "weight_map" of tensors and their files, found none; download it again',
    );
  }
  const entries = Object.entries(map);
  if (entries.length === 0 || entries.length > MAX_ENTRIES) {
    throw new ShardError(name, `weight_map: expected 1 to ${MAX_ENTRIES} tensors, found ${entries.length}`);
  }
  const files = new Map<string, string>();
  for (const [tensor, file] of entries) {
    // A path would let an index read files that are none of the model's; and no system has names with control characters.
    if (typeof file !== "string" || !/^[^/\\:\p{Cc}]+$/u.test(file) || file.startsWith(".")) {
      const found = typeof file === "string" ? JSON.stringify(file.slice(0, 80)) : typeof file;
      throw new ShardError(
        name,
        `weight_map: tensor "${tensor}": expected a file's name without a path, found ${found}`,
      );
    }
    files.set(tensor, file);
  }
  return { name, files };
}

/** The files of an index, each once, sorted. */
export function shardFiles({ files }: ShardIndex): string[] {
  return [...new Set(files.values())].sort();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
