import { deflateRawSync } from "node:zlib";
import { CodedError } from "@blackmamba/tensor";
import { damageBytes, type FuzzTarget, hostileNumber, hostileText, type Random } from "@blackmamba/testing/fuzz";
import { bytesSource } from "../byte-source.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { anyProgram, anyValue, number } from "../testing/hostile-pickle.ts";
import { hostileZip } from "../testing/hostile-zip.ts";
import { readAll } from "../testing/read-all.ts";
import { type TorchFile, torchEntries, torchFile } from "../testing/torch-bytes.ts";
import { type ZipInput, zip } from "../testing/zip-bytes.ts";
import { call, global, type Opcodes, orderedDict, persistent, pickle, text, tuple } from "./pickle-opcodes.ts";

const FILE: TorchFile = {
  storages: { "0": 24, "1": 32, "2": 8 },
  tensors: [
    { name: "plain", storage: "0", shape: [2, 6] },
    { name: "float", storage: "1", storageClass: "Float", shape: [8] },
    { name: "transposed", storage: "0", storageElements: 12, shape: [6, 2], strides: [1, 6] },
    { name: "expanded", storage: "2", shape: [5, 4], strides: [0, 1] },
  ],
};
const WHOLE = [torchFile(FILE), torchFile({ ...FILE, zip64: true }), torchFile({ ...FILE, alignment: 1 })];
const [PICKLE, ...REST] = torchEntries(FILE) as [ZipInput, ...ZipInput[]];

/** 16 MiB of zeros in 16 kB, in the place of the pickle. */
const DEFLATED = deflateRawSync(new Uint8Array(16 << 20), { level: 9 });

/** A state_dict of tensors whose geometry is any: negative, beyond counting, overlapping, of another storage. */
function madeTensors(random: Random): Opcodes {
  const size = () => (random.chance(0.7) ? random.below(7) : hostileNumber(random));
  const sizes = (length: number) => tuple(...random.list(length, length, () => number(size())));
  const tensor = (): Opcodes => {
    const storage = tuple(
      text(random.chance(0.97) ? "storage" : hostileText(random)),
      global("torch", `${random.pick(["Float", "Half", "BFloat16", "BFloat16", "Long"])}Storage`),
      text(random.chance(0.9) ? random.pick(["0", "1", "2"]) : hostileText(random)),
      text("cpu"),
      number(random.chance(0.8) ? random.pick([1, 4, 8, 12]) : hostileNumber(random)),
    );
    const rank = random.chance(0.02) ? random.between(60, 70) : random.below(4);
    const args = [
      persistent(random.chance(0.95) ? storage : anyValue(random)),
      number(random.chance(0.8) ? random.below(4) : hostileNumber(random)),
      random.chance(0.97) ? sizes(rank) : anyValue(random),
      random.chance(0.97) ? sizes(random.chance(0.95) ? rank : rank + 1) : anyValue(random),
      [0x89],
      random.chance(0.9) ? call(global("collections", "OrderedDict"), tuple()) : anyValue(random),
    ];
    return call(global("torch._utils", "_rebuild_tensor_v2"), tuple(...args));
  };
  return orderedDict(
    random.list(1, 4, () => [
      random.chance(0.95) ? text(random.pick(["a", "b", "c", "model", hostileText(random)])) : anyValue(random),
      random.chance(0.9) ? tensor() : anyValue(random),
    ]),
  );
}

function make(random: Random): Uint8Array {
  const kind = random.below(20);
  const sound = (content: Uint8Array) => zip([{ ...PICKLE, content }, ...REST], { alignment: 1 });
  if (kind < 4) return damageBytes(random, random.pick(WHOLE));
  if (kind < 7) return sound(damageBytes(random, PICKLE.content as Uint8Array));
  if (kind < 10) return sound(pickle(anyProgram(random)));
  if (kind < 12) return sound(pickle(anyValue(random)));
  if (kind < 16) return sound(pickle(madeTensors(random)));
  if (kind === 16 && random.chance(0.02)) return zip([{ ...PICKLE, content: DEFLATED, method: 8 }, ...REST]);
  return hostileZip(random, [
    random.chance(0.7) ? PICKLE : { ...PICKLE, content: pickle(madeTensors(random)) },
    ...REST,
  ]);
}

export const target: FuzzTarget = {
  name: "torch",
  files: 50_000,
  make,
  read: async (file) => readAll(await openCheckpoint(bytesSource(file, "fuzzed"))),
  refusals: [CodedError],
  outcomes: [
    "read",
    ...[
      "CONTENT",
      "PICKLE",
      "FORBIDDEN_GLOBAL",
      "ZIP",
      "TRUNCATED",
      "TENSOR_GEOMETRY",
      "STORAGE_TOO_SMALL",
      "LIMIT",
    ].map((code) => `ERR_CHECKPOINT_${code}`),
  ],
};
