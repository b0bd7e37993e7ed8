/**
 * A checkpoint in several files, given as one.
 */
import { type CodedError, isQuantized } from "@blackmamba/tensor";
import { type ByteSourceLike, type ReadOptions, toByteSource } from "../byte-source.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint.ts";
import { DuplicateNameError, ShardError } from "../errors.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { valuesName } from "../safetensors/quantized-pair.ts";
import type { ShardIndex } from "./shard-index.ts";

/** Options of {@link openShards}. */
export interface OpenShardsOptions extends ReadOptions {
  /** Says which file has which tensor, to be checked: each tensor of it has to be in its file, or where these have no names, in one. */
  readonly index?: ShardIndex | undefined;
}

/**
 * Opens the files of a checkpoint, of any format, in any order.
 *
 * The checkpoint owns the sources and closes them; if opening fails, they stay open.
 *
 * Throws `DuplicateNameError` for a tensor that is in two files, `ShardError` where files and index do not belong together,
 * and what `openCheckpoint` throws.
 */
export async function openShards(
  from: readonly ByteSourceLike[],
  { index, signal }: OpenShardsOptions = {},
): Promise<Checkpoint> {
  const sources = from.map((source, i) => toByteSource(source, `shard ${i + 1} of ${from.length}`));
  const [first] = sources;
  if (!first) throw new ShardError(index?.name ?? "weights", "expected at least one file, found none");
  const shards: Checkpoint[] = [];
  for (const source of sources) shards.push(await openCheckpoint(source, { signal }));
  const name = index?.name ?? (sources.length > 1 ? `${first.name} and ${sources.length - 1} more` : first.name);
  if (index) requireIndexed(index, shards);

  const tensors = new Map<string, CheckpointTensor>();
  const refused = new Map<string, CodedError>();
  for (const shard of shards) {
    for (const [tensor, value] of shard.tensors) {
      if (tensors.has(tensor)) throw new DuplicateNameError(`${name}: ${shard.name}`, tensor);
      tensors.set(tensor, value);
    }
    for (const [tensor, error] of shard.refused ?? []) refused.set(tensor, error);
  }
  return {
    name,
    tensors,
    refused,
    metadata: Object.assign(Object.create(null), ...shards.map(({ metadata }) => metadata).reverse()),
    close: async () => {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

function requireIndexed(index: ShardIndex, shards: readonly Checkpoint[]): void {
  const byFile = new Map(shards.map((shard) => [shard.name.replace(/^.*[/\\]/, ""), shard]));
  // Bytes and Blobs have no names: then any of them may have any tensor.
  const isNamed = [...index.files.values()].some((file) => byFile.has(file));
  for (const [tensor, file] of index.files) {
    const shard = byFile.get(file);
    if (isNamed && !shard) {
      const found = [...byFile.keys()].join(", ");
      throw new ShardError(index.name, `tensor "${tensor}" is in ${file}, which is not among the files (${found})`);
    }
    const holders = shard ? [shard] : shards;
    if (!holders.some((holder) => holds(holder, tensor))) {
      const where = shard ? file : "any of the files";
      throw new ShardError(index.name, `tensor "${tensor}" is not in ${where}; do index and files belong together?`);
    }
  }
}

/** A quantised tensor is given as one, but in the file, and so in the index, its scales have a name of their own. */
function holds({ tensors, refused }: Checkpoint, name: string): boolean {
  if (tensors.has(name) || refused?.has(name)) return true;
  const values = tensors.get(valuesName(name) ?? "");
  return values !== undefined && isQuantized(values.dtype);
}
