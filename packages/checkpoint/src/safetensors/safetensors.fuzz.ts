import { CodedError } from "@blackmamba/tensor";
import {
  damageBytes,
  damagedJson,
  type FuzzTarget,
  hostileNumber,
  hostileText,
  type Random,
} from "@blackmamba/testing/fuzz";
import { bytesSource } from "../byte-source.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { readAll } from "../testing/read-all.ts";
import { safetensorsFile } from "../testing/safetensors-bytes.ts";

const HEADER = {
  __metadata__: { format: "pt" },
  plain: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
  half: { dtype: "F16", shape: [5], data_offsets: [24, 34] },
  quantized: { dtype: "I8", shape: [2, 32], data_offsets: [34, 98] },
  "quantized.scales": { dtype: "F16", shape: [2, 1], data_offsets: [98, 102] },
  small: { dtype: "U8", shape: [1, 16], data_offsets: [102, 118] },
  "small.scales": { dtype: "F16", shape: [1, 1], data_offsets: [118, 120] },
};
const DATA = 120;
const WHOLE = safetensorsFile(HEADER, DATA);
const DTYPES = ["F32", "F16", "BF16", "U32", "I32", "I8", "U8", "F64", "BOOL", "F8_E4M3", "f32", ""];

/** A header of tensors that overlap, go backwards, are larger than the file, or share a name with something else. */
function madeHeader(random: Random): string {
  const name = () => random.pick(["a", "a.scales", "b", "__metadata__", hostileText(random)]);
  const size = () => (random.chance(0.7) ? random.pick([0, 1, 2, 16, 32, 64]) : hostileNumber(random));
  const numbers = (values: readonly number[]) =>
    `[${values.map((value) => (Number.isFinite(value) ? value : "1e999")).join(",")}]`;
  const entry = () => {
    const dtype = random.pick(DTYPES);
    const shape = random.list(0, random.chance(0.02) ? 300 : 3, size);
    const start = random.chance(0.8) ? random.below(DATA) : hostileNumber(random);
    const element = { F32: 4, U32: 4, I32: 4, F16: 2, BF16: 2, F64: 8 }[dtype] ?? 1;
    const fitting = start + shape.reduce((product, each) => product * each, element);
    const end = random.chance(0.8) ? fitting : hostileNumber(random);
    return `{"dtype":${JSON.stringify(dtype)},"shape":${numbers(shape)},"data_offsets":${numbers([start, end])}}`;
  };
  // Written as text: an object would keep the last of two keys.
  return `{${random.list(1, 6, () => `${JSON.stringify(name())}:${entry()}`).join(",")}}`;
}

function make(random: Random): Uint8Array {
  const kind = random.below(10);
  if (kind < 3) return damageBytes(random, WHOLE);
  const header = kind < 6 ? damagedJson(random, HEADER) : madeHeader(random);
  const file = safetensorsFile(header, DATA);
  return kind === 9 ? damageBytes(random, file) : file;
}

export const target: FuzzTarget = {
  name: "safetensors",
  files: 40_000,
  make,
  read: async (file) => readAll(await openCheckpoint(bytesSource(file, "fuzzed"))),
  refusals: [CodedError],
  outcomes: ["read", "ERR_CHECKPOINT_SAFETENSORS_HEADER", "ERR_CHECKPOINT_TRUNCATED", "ERR_CHECKPOINT_UNKNOWN_FORMAT"],
};
