/** Large files of little things: what a reader makes of a byte may take hundreds. */
import { CodedError } from "@blackmamba/tensor";
import { type FuzzTarget, ggufFile, joined, type Random } from "@blackmamba/testing/fuzz";
import { bytesSource } from "../byte-source.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { readAll } from "./read-all.ts";
import { torchEntries } from "./torch-bytes.ts";
import { zip } from "./zip-bytes.ts";

/** Parts of JSON that nest, repeat, or are members; `#####` becomes another number each time. What is opened is closed. */
const JSON_PARTS: readonly (readonly [open: string, part: string, close: string, end: string])[] = [
  ["", '{"a":', "1", "}"],
  ['{"a":', "[", "1}", "]"],
  ['{"a":[', "[],", "1]}", ""],
  ['{"a":[', "{},", "1]}", ""],
  ['{"a":{"shape":[', "0,", "1]}}", ""],
  ['{"a":[', '"#####",', "1]}", ""],
  ["{", '"#####":0,', '"a":1}', ""],
  ["{", '"#####":{},', '"a":1}', ""],
  [
    "{",
    '"#####":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},',
    '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "",
  ],
  ['{"__metadata__":{', '"#####":"",', '"a":""}}', ""],
];

function safetensors(random: Random): Uint8Array {
  const byteLength = random.pick([1, 4, 7, 9, 16]) << 20;
  const [open, part, close, end] = random.pick(JSON_PARTS);
  const count = Math.floor(byteLength / (part.length + end.length));
  const header = joined(bytesOf(open), repeated(part, count), bytesOf(end === "" ? close : "1"), repeated(end, count));
  const length = new Uint8Array(8);
  const json = end === "" ? header : joined(header, bytesOf(close.slice(1)));
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return joined(length, json, new Uint8Array(4));
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text so many times, in bytes: as a text it would fill the heap that is the reader's. */
function repeated(text: string, count: number): Uint8Array {
  const part = bytesOf(text);
  const bytes = new Uint8Array(part.length * count);
  fill(bytes, part);
  const numberAt = text.indexOf("#####");
  for (let i = 0; numberAt >= 0 && i < count; i++) {
    for (let digit = 0, rest = i; digit < 5; digit++, rest = Math.floor(rest / 26)) {
      bytes[i * part.length + numberAt + digit] = 97 + (rest % 26);
    }
  }
  return bytes;
}

/** Writes the part again and again, up to the end. */
function fill(bytes: Uint8Array, part: Uint8Array): void {
  bytes.set(part.subarray(0, bytes.length));
  for (let done = part.length; done < bytes.length; done *= 2) bytes.copyWithin(done, 0, done);
}

/** Opcodes of a pickle, of which as many as are allowed follow each other. */
const PICKLED: readonly (readonly number[])[] = [
  ...[
    [0x7d],
    [0x8f],
    [0x5d],
    [0x29],
    [0x28],
    [0x4e, 0x85],
    [0x43, 0],
    [0x43, 1, 7],
    [0x8c, 0],
    [0x8c, 4, 97, 98, 99, 100],
  ],
  ...[
    [0x4e, 0x94],
    [0x94],
    [0x8a, 8, 1, 2, 3, 4, 5, 6, 7, 0x7f],
    [0x47, 0, 1, 2, 3, 4, 5, 6, 7],
    [0x7d, 0x30],
    [0x5d, 0x32],
  ],
  // An OrderedDict called, and a global made of two texts, both from the memo.
  [0x68, 1, 0x68, 2, 0x52],
  [0x68, 3, 0x68, 4, 0x93],
];

/** `collections.OrderedDict` as 1, an empty tuple as 2, its two names as 3 and 4. */
const MEMO = [
  ...[0x63, ...bytesOf("collections\nOrderedDict\n"), 0x71, 1, 0x29, 0x71, 2],
  ...[0x8c, 11, ...bytesOf("collections"), 0x71, 3],
  ...[0x8c, 11, ...bytesOf("OrderedDict"), 0x71, 4, 0x4e],
];

function torch(random: Random): Uint8Array {
  const [entry, ...rest] = torchEntries({ storages: { "0": 2 }, tensors: [{ name: "a", storage: "0", shape: [1] }] });
  const opcodes = random.pick(PICKLED);
  const content = new Uint8Array(random.pick([1 << 20, (8 << 20) - 1000, 9 << 20])).fill(0x4e);
  content.set([0x80, 2, ...MEMO]);
  const body = content.subarray(2 + MEMO.length, -1);
  fill(body.subarray(0, body.length - (body.length % opcodes.length)), Uint8Array.from(opcodes));
  content[content.length - 1] = 0x2e;
  return zip([{ name: entry?.name ?? "", content }, ...rest], { alignment: 1 });
}

/** Entries without bytes. */
function manyEntries(random: Random): Uint8Array {
  const count = random.pick([1000, 60_000, 300_000]);
  const local = new Uint8Array(30);
  new DataView(local.buffer).setUint32(0, 0x04034b50, true);
  const directory = new Uint8Array(count * 52);
  const view = new DataView(directory.buffer);
  for (let i = 0; i < count; i++) {
    view.setUint32(i * 52, 0x02014b50, true);
    view.setUint16(i * 52 + 28, 6, true);
    directory.set(bytesOf(String(100_000 + i)), i * 52 + 46);
  }
  const end = new Uint8Array(56 + 20 + 22);
  const records = new DataView(end.buffer);
  records.setUint32(0, 0x06064b50, true);
  records.setBigUint64(32, BigInt(count), true);
  records.setBigUint64(40, BigInt(directory.length), true);
  records.setBigUint64(48, 30n, true);
  records.setUint32(56, 0x07064b50, true);
  records.setBigUint64(64, BigInt(30 + directory.length), true);
  records.setUint32(76, 0x06054b50, true);
  return joined(local, directory, end);
}

function gguf(random: Random): Uint8Array {
  const byteLength = random.pick([1, 8, 30, 40]) << 20;
  const kind = random.below(4);
  if (kind < 2) {
    // A list of empty texts, of truth values, or of numbers: its count, then zeros.
    const [element, size] = random.pick([
      [8, 8],
      [7, 1],
      [0, 1],
      [12, 8],
    ] as const);
    const file = joined(ggufFile({ values: { list: [9, element, []] } }), new Uint8Array(byteLength));
    new DataView(file.buffer).setBigUint64(file.length - byteLength - 8, BigInt(byteLength / size), true);
    return file;
  }
  // Values or tensors of the shortest names.
  const one = kind === 2 ? 13 + 4 + 1 : 8 + 5 + 4 + 4 + 8;
  const count = Math.floor(byteLength / one);
  const file = new Uint8Array(24 + count * one + 64);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x46554747, true);
  view.setUint32(4, 3, true);
  view.setBigUint64(kind === 2 ? 16 : 8, BigInt(count), true);
  for (let i = 0, at = 24; i < count; i++, at += one) {
    view.setBigUint64(at, 5n, true);
    file.set(bytesOf(i.toString(36).padStart(5, "0")), at + 8);
  }
  return file;
}

export const target: FuzzTarget = {
  name: "large",
  files: 60,
  make: (random) => random.pick([safetensors, torch, manyEntries, gguf])(random),
  read: async (file) => readAll(await openCheckpoint(bytesSource(file, "fuzzed"))),
  refusals: [CodedError],
  outcomes: ["read", ...["LIMIT", "CONTENT", "GGUF"].map((code) => `ERR_CHECKPOINT_${code}`)],
};
