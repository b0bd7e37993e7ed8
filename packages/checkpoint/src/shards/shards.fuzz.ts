import { CodedError } from "@blackmamba/tensor";
import { damageBytes, damagedJson, type FuzzTarget, hostileText, type Random } from "@blackmamba/testing/fuzz";
import { bytesSource } from "../byte-source.ts";
import { readAll } from "../testing/read-all.ts";
import { safetensorsFile } from "../testing/safetensors-bytes.ts";
import { openShards } from "./open-shards.ts";
import { parseShardIndex, shardFiles } from "./shard-index.ts";

const FILES = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const TENSORS = [
  ["a", "b"],
  ["c", "__proto__"],
] as const;
const INDEX = {
  metadata: { total_size: 16 },
  weight_map: Object.fromEntries(FILES.flatMap((file, i) => (TENSORS[i] ?? []).map((name) => [name, file]))),
};
const SHARDS = TENSORS.map(([first, second]) =>
  safetensorsFile(
    `{"${first}":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"${second}":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}`,
    8,
  ),
);

function make(random: Random): Uint8Array {
  if (random.chance(0.1)) return new TextEncoder().encode(JSON.stringify(INDEX));
  if (random.chance(0.2)) {
    const paths = random.list(1, 5, () => [hostileText(random), random.pick([...FILES, hostileText(random)])] as const);
    return new TextEncoder().encode(JSON.stringify({ weight_map: Object.fromEntries(paths) }));
  }
  const text = new TextEncoder().encode(damagedJson(random, INDEX));
  return random.chance(0.2) ? damageBytes(random, text) : text;
}

/** What is no JSON is refused by who reads the file, not here. */
function parsed(file: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(file));
  } catch {
    return undefined;
  }
}

export const target: FuzzTarget = {
  name: "shard-index",
  files: 20_000,
  make,
  async read(file) {
    const index = parseShardIndex(parsed(file), "model.safetensors.index.json");
    for (const name of shardFiles(index)) {
      if (/[/\\:\0]|^\./.test(name) || name === "") throw new Error(`an index names the file ${JSON.stringify(name)}`);
    }
    await readAll(
      await openShards(
        SHARDS.map((bytes, i) => bytesSource(bytes, FILES[i])),
        { index },
      ),
    );
  },
  refusals: [CodedError],
  outcomes: ["read", "ERR_CHECKPOINT_SHARD"],
};
