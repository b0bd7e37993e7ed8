/**
 * Writes a checkpoint as several safetensors files with an index, as transformers does. Not here: which tensor goes where, see
 * `plan-shards.ts`, and reading them, see `open-shards.ts`.
 */
import { isQuantized } from "@blackmamba/tensor";
import { type ByteSink, writeAll } from "../byte-sink.ts";
import { ArgumentError, DuplicateNameError } from "../errors.ts";
import { scalesName } from "../safetensors/quantized-pair.ts";
import {
  type WritableTensor,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from "../safetensors/write-safetensors.ts";
import { planShards, tensorByteLength } from "./plan-shards.ts";

/** Options of {@link writeShards}. */
export interface WriteShardsOptions extends WriteSafetensorsOptions {
  /** Most bytes of tensors in a file; one tensor that is larger has a file to itself. */
  readonly shardByteLength: number;
}

/** What was written. */
export interface WrittenShards {
  /** Of all files together, the index included. */
  readonly byteLength: number;
  /** Their names, the index last; `["model.safetensors"]` where all tensors fit into one. */
  readonly files: readonly string[];
}

/** What the file is called that has all tensors. */
const SINGLE = "model.safetensors";

const INDEX = "model.safetensors.index.json";

/**
 * Writes `model-00001-of-0000N.safetensors` and so on, and `model.safetensors.index.json` at the end; or, where all tensors fit into
 * one file, `model.safetensors` alone. Each sink is closed when its file is whole; on an error, the one that is open is aborted.
 *
 * @param open - makes the sink of the file of that name
 *
 * Throws as `writeSafetensors` does, and `ArgumentError` for a size that is not above 0.
 */
export async function writeShards(
  tensors: Iterable<WritableTensor>,
  open: (file: string) => Promise<ByteSink>,
  { shardByteLength, onProgress, ...options }: WriteShardsOptions,
): Promise<WrittenShards> {
  if (!(shardByteLength > 0)) {
    throw new ArgumentError("shardByteLength", `a number of bytes above 0 expected, ${shardByteLength} found`);
  }
  const all = [...tensors];
  const names = new Set<string>();
  for (const { name } of all) {
    // In files of their own nobody else would notice.
    if (names.has(name)) throw new DuplicateNameError("writeShards", name);
    names.add(name);
  }
  const shards = planShards(all, shardByteLength);
  const totalBytes = all.reduce((sum, tensor) => sum + tensorByteLength(tensor), 0);
  const files = shards.length === 1 ? [SINGLE] : shards.map((_, index) => shardName(index, shards.length));
  let byteLength = 0;
  let before = 0;
  for (const [index, shard] of shards.entries()) {
    const start = before;
    byteLength += await writeSafetensors(shard, await open(files[index] as string), {
      ...options,
      onProgress: ({ writtenBytes, tensor }) =>
        onProgress?.({ writtenBytes: start + writtenBytes, totalBytes, tensor }),
    });
    before += shard.reduce((sum, tensor) => sum + tensorByteLength(tensor), 0);
  }
  if (shards.length === 1) return { byteLength, files };
  options.signal?.throwIfAborted();
  const index = new TextEncoder().encode(indexOf(shards, files, totalBytes));
  await writeAll(await open(INDEX), index);
  return { byteLength: byteLength + index.byteLength, files: [...files, INDEX] };
}

/** Such as `model-00002-of-00003.safetensors`. */
function shardName(index: number, count: number): string {
  const [number, of] = [index + 1, count].map((each) => String(each).padStart(5, "0"));
  return `model-${number}-of-${of}.safetensors`;
}

/** Every tensor of the files, scales of quantised ones too, sorted by name. */
function indexOf(shards: readonly (readonly WritableTensor[])[], files: readonly string[], totalBytes: number): string {
  const places = shards.flatMap((shard, index) =>
    shard.flatMap(({ name, dtype }) =>
      (isQuantized(dtype) ? [name, scalesName(name)] : [name]).map((each) => [each, files[index] as string] as const),
    ),
  );
  places.sort(([a], [b]) => (a < b ? -1 : 1));
  // Member by member: `Object.fromEntries` would move names such as "7" to the front.
  const map = places.map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`).join(",\n");
  return `{\n  "metadata": {\n    "total_size": ${totalBytes}\n  },\n  "weight_map": {\n${map}\n  }\n}\n`;
}
