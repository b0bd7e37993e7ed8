import { CodedError } from "@blackmamba/tensor";
import {
  damageBytes,
  type FuzzTarget,
  type GgufTensor,
  ggufFile,
  hostileNumber,
  hostileText,
  hostileWord,
  overwritten,
  type Random,
  type TypedValue,
} from "@blackmamba/testing/fuzz";
import { bytesSource } from "../byte-source.ts";
import { readAll } from "../testing/read-all.ts";
import { openGguf } from "./gguf-checkpoint.ts";

const WHOLE = ggufFile({
  values: {
    "general.architecture": [8, "mamba"],
    "general.alignment": [4, 32],
    flags: [9, 7, [true, false]],
    texts: [9, 8, ["a", "bc", ""]],
    numbers: [9, 5, [1, -2, 3]],
    large: [10, 2n ** 60n],
    double: [12, 0.5],
  },
  tensors: [
    { name: "plain", type: 0, sizes: [3, 2], bytes: new Uint8Array(24) },
    { name: "half", type: 1, sizes: [5], bytes: new Uint8Array(10) },
    { name: "q8", type: 8, sizes: [32, 2], bytes: new Uint8Array(68) },
    { name: "q4", type: 2, sizes: [64], bytes: new Uint8Array(36) },
    { name: "other", type: 12, sizes: [256], bytes: new Uint8Array(144) },
  ],
});

/** Bytes of a tensor by its type, for 32 elements; other types are not read. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 0: 128, 1: 64, 2: 18, 8: 34, 30: 64 };

/** Sizes, places, types and counts that contradict each other, in a file that is otherwise one. */
function made(random: Random): Uint8Array {
  const value = (): TypedValue => {
    const type = random.pick([0, 1, 2, 3, 4, 5, 6, 12, 7, 8, 9, 10, 11, 13, 255]);
    if (type === 7) return [7, random.chance(0.5)];
    if (type === 8) return [8, hostileText(random)];
    if (type === 10 || type === 11) return [type, BigInt.asIntN(63, BigInt(random.uint32()) ** 2n)];
    if (type === 9) return [9, random.pick([0, 4, 5, 6, 7]), random.list(0, 5, () => random.below(200))];
    return [type, hostileNumber(random)];
  };
  const size = () => {
    const number = random.chance(0.7) ? random.pick([0, 1, 2, 32, 64]) : hostileNumber(random);
    return Number.isFinite(number) ? Math.min(Math.abs(Math.trunc(number)), 2 ** 63) : 2 ** 53;
  };
  const tensor = (): GgufTensor => {
    const type = random.pick([0, 1, 2, 8, 30, 30, 12, 99]);
    const sizes = random.list(0, random.chance(0.1) ? 9 : 3, size);
    const blocks = random.below(4);
    return {
      name: random.pick(["a", "b", "c", "d", hostileText(random)]),
      type,
      sizes: random.chance(0.5) ? [32, blocks] : sizes,
      bytes: new Uint8Array((BLOCK_BYTES[type] ?? 10) * blocks),
      byteOffset: random.chance(0.3) ? 32 * random.below(5) : undefined,
    };
  };
  const entries = random.list(0, 5, () => [random.pick(["a", "b", hostileText(random)]), value()] as const);
  const alignment = random.chance(0.8) ? 32 : random.pick([0, 1, 7, 8, 12, 24, 64, 2 ** 20, 2 ** 21, 2 ** 31]);
  const file = ggufFile({
    version: random.chance(0.95) ? 3 : random.below(5),
    values: { ...Object.fromEntries(entries), "general.alignment": [4, alignment] },
    tensors: random.list(0, 4, tensor),
    // The file itself is laid out by an alignment that can be.
    alignment: alignment > 0 && alignment < 100 ? alignment : 32,
  });
  // The counts, which the file's maker would not get wrong.
  return random.chance(0.2) ? overwritten(file, random.pick([8, 16]), hostileWord(random, 8)) : file;
}

function make(random: Random): Uint8Array {
  const kind = random.below(10);
  if (kind < 4) return damageBytes(random, WHOLE);
  return kind < 9 ? made(random) : damageBytes(random, made(random));
}

export const target: FuzzTarget = {
  name: "gguf",
  files: 40_000,
  make,
  read: async (file) => readAll(await openGguf(bytesSource(file, "fuzzed"))),
  refusals: [CodedError],
  outcomes: ["read", "ERR_CHECKPOINT_GGUF", "ERR_CHECKPOINT_TRUNCATED", "ERR_CHECKPOINT_DUPLICATE_NAME"],
};
