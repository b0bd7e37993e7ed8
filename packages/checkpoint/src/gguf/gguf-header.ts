/**
 * The header of a GGUF file: its metadata, which tensors it holds and where, checked against the file's size. The format is
 * ggml's (github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3. Not here: what the tensors' bytes become, see
 * `gguf-checkpoint.ts`.
 */
import { type ByteRange, elementCount } from "@blackmamba/tensor";
import { type ByteSource, isCount, type ReadOptions } from "../byte-source.ts";
import { DuplicateNameError, EmptyFileError, GgufError, TruncatedError } from "../errors.ts";
import { GGML_TYPES, type GgmlType } from "./ggml-types.ts";
import { GgufReader, type GgufValue } from "./gguf-values.ts";

/** A tensor as the header has it. */
export interface GgufEntry {
  readonly name: string;
  /** `undefined` for a type that is not read. */
  readonly type: GgmlType | undefined;
  /** The type's number in the format. */
  readonly typeNumber: number;
  /** Outermost first: the other way round than in the file. */
  readonly shape: readonly number[];
  /** Within the file. */
  readonly byteOffset: number;
}

/** What a GGUF file holds. */
export interface GgufHeader {
  readonly version: number;
  readonly values: ReadonlyMap<string, GgufValue>;
  /** By name, in the file's order. */
  readonly entries: ReadonlyMap<string, GgufEntry>;
  /** Where each metadata value lies in the file, its type included. */
  readonly places: ReadonlyMap<string, ByteRange>;
}

/** "GGUF" */
const MAGIC = 0x46554747;

/** Far above any real file. */
const [MAX_VALUES, MAX_TENSORS, MAX_DIMENSIONS] = [100_000, 100_000, 4];

const ALIGNMENT_KEY = "general.alignment";
const DEFAULT_ALIGNMENT = 32;

/** Reads and checks the header. Throws `EmptyFileError`, `TruncatedError`, `GgufError`, `DuplicateNameError`, `LimitError`. */
export async function readGgufHeader(source: ByteSource, options: ReadOptions = {}): Promise<GgufHeader> {
  if (source.byteLength === 0) throw new EmptyFileError(source.name);
  const reader = new GgufReader(source, options);
  if ((await reader.u32()) !== MAGIC) throw new GgufError(source.name, "this is no GGUF file");
  const version = await reader.u32();
  if (version !== 2 && version !== 3) {
    const why = version === 1 ? "the first version" : version > 0xffff ? "a big-endian file" : `version ${version}`;
    throw new GgufError(source.name, `version 2 or 3 expected, ${why} found`);
  }
  const tensorCount = await limited(source.name, reader, "the number of tensors", MAX_TENSORS);
  const valueCount = await limited(source.name, reader, "the number of metadata values", MAX_VALUES);

  const values = new Map<string, GgufValue>();
  const places = new Map<string, ByteRange>();
  for (let i = 0; i < valueCount; i++) {
    const key = await reader.text(`the name of metadata value ${i}`);
    if (values.has(key)) throw new DuplicateNameError(source.name, key);
    const { byteOffset } = reader;
    values.set(key, await reader.value(`"${key}"`));
    places.set(key, { byteOffset, byteLength: reader.byteOffset - byteOffset });
  }
  const alignment = values.get(ALIGNMENT_KEY) ?? DEFAULT_ALIGNMENT;
  if (!isCount(alignment) || alignment === 0 || alignment % 8 !== 0 || alignment > 1 << 20) {
    throw new GgufError(source.name, `"${ALIGNMENT_KEY}": a multiple of 8 expected, ${String(alignment)} found`);
  }

  const described: (GgufEntry & { readonly index: number })[] = [];
  for (let index = 0; index < tensorCount; index++) described.push({ ...(await readEntry(source, reader)), index });
  const dataByteOffset = Math.ceil(reader.byteOffset / alignment) * alignment;
  const entries = new Map<string, GgufEntry>();
  for (const { index: _, ...entry } of described) {
    const placed = { ...entry, byteOffset: dataByteOffset + entry.byteOffset };
    if (entries.has(entry.name)) throw new DuplicateNameError(source.name, entry.name);
    if (entry.byteOffset % alignment !== 0) {
      const found = `it begins at ${entry.byteOffset}, no multiple of ${alignment}`;
      throw new GgufError(source.name, `tensor "${entry.name}": ${found}`);
    }
    const end = placed.byteOffset + (entry.type ? byteLengthOf(entry.type, entry.shape) : 0);
    if (end > source.byteLength) {
      throw new TruncatedError(
        source.name,
        `tensor "${entry.name}" ends at byte ${end}, the file at ${source.byteLength}`,
      );
    }
    entries.set(entry.name, placed);
  }
  refuseOverlaps(source.name, entries.values());
  return { version, values, places, entries };
}

/** No byte is of two tensors, as far as their types are known. */
function refuseOverlaps(source: string, entries: Iterable<GgufEntry>): void {
  const stored = [...entries].flatMap(({ name, type, shape, byteOffset }) => {
    const byteLength = type ? byteLengthOf(type, shape) : 0;
    return byteLength > 0 ? [{ name, byteOffset, end: byteOffset + byteLength }] : [];
  });
  stored.sort((a, b) => a.byteOffset - b.byteOffset);
  for (const [index, { name, byteOffset }] of stored.entries()) {
    const before = stored[index - 1];
    if (before && before.end > byteOffset) {
      throw new GgufError(source, `tensor "${name}" begins within tensor "${before.name}"`);
    }
  }
}

/** Bytes of a tensor in the file. */
export function byteLengthOf({ blockElements, blockByteLength }: GgmlType, shape: readonly number[]): number {
  return (elementCount(shape) / blockElements) * blockByteLength;
}

/** With its place within the tensors' part of the file. */
async function readEntry(source: ByteSource, reader: GgufReader): Promise<GgufEntry> {
  const name = await reader.text("a tensor's name");
  const refuse = (message: string) => new GgufError(source.name, `tensor "${name}": ${message}`);
  const dimensions = await reader.u32();
  if (dimensions > MAX_DIMENSIONS) throw refuse(`at most ${MAX_DIMENSIONS} dimensions expected, ${dimensions} found`);
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.unshift(await reader.count(`a size of tensor "${name}"`));
  const typeNumber = await reader.u32();
  const type = GGML_TYPES.get(typeNumber);
  const byteOffset = await reader.count(`the place of tensor "${name}"`);
  // A product that cannot be counted is none that a file can hold.
  if (!isCount(elementCount(shape) * 4))
    throw refuse(`shape [${shape.join(", ")}] is not made of sizes that can be stored`);
  if (type && (shape.at(-1) ?? 1) % type.blockElements !== 0) {
    throw refuse(`rows of a multiple of ${type.blockElements} elements expected, ${shape.at(-1)} found`);
  }
  return { name, type, typeNumber, shape, byteOffset };
}

async function limited(source: string, reader: GgufReader, what: string, most: number): Promise<number> {
  const count = await reader.count(what);
  if (count <= most) return count;
  throw new GgufError(source, `${what} is ${count}, at most ${most} expected`);
}
