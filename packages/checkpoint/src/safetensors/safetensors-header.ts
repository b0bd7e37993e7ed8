/**
 * The header of a safetensors file: which tensors it holds and where, checked against the file's size. Not here: what
 * the element types become, see `safetensors-checkpoint.ts`.
 */

import { type ByteSource, isCount, type ReadOptions } from "../byte-source.ts";
import { EmptyFileError, LimitError, SafetensorsHeaderError, TruncatedError } from "../errors.ts";
import { jsonSize } from "../json-size.ts";

/** A tensor as the header has it. */
export interface SafetensorsEntry {
  readonly name: string;
  /** The format's own word, such as `BF16`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Within the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What a safetensors file holds. */
export interface SafetensorsHeader {
  /** By name, in the header's order. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes before the header: its length as a 64-bit number. */
export const HEADER_LENGTH_BYTE_LENGTH = 8;

/** The format's own limit: what claims to be longer is something else. */
const MAX_FORMAT_BYTE_LENGTH = 100_000_000;

/** Longest header that is read or written: many times the largest model's here. */
export const MAX_HEADER_BYTE_LENGTH = 8 << 20;

/** A tensor has some ten values, four levels deep. */
const [MAX_DEPTH, MAX_VALUES] = [16, 1 << 18];

/** Where the header keeps its texts. */
export const METADATA_KEY = "__metadata__";

/** Bytes of an element; types that are missing here have their size taken as it is. */
const ELEMENT_BYTE_LENGTHS: ReadonlyMap<string, number> = new Map(
  Object.entries({ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1 }),
);

/** Reads and checks the header. Throws `EmptyFileError`, `TruncatedError`, `SafetensorsHeaderError`, `LimitError`. */
export async function readSafetensorsHeader(source: ByteSource, options: ReadOptions = {}): Promise<SafetensorsHeader> {
  if (source.byteLength === 0) throw new EmptyFileError(source.name);
  const prefix = await source.read(0, HEADER_LENGTH_BYTE_LENGTH, options);
  const headerByteLength = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (headerByteLength > MAX_FORMAT_BYTE_LENGTH || headerByteLength < 2) {
    const expected = `2 to ${MAX_FORMAT_BYTE_LENGTH} bytes expected`;
    const found = `a header of ${headerByteLength} found; this is no safetensors file`;
    throw new SafetensorsHeaderError(source.name, `${expected}, ${found}`);
  }
  const dataByteOffset = HEADER_LENGTH_BYTE_LENGTH + headerByteLength;
  if (dataByteOffset > source.byteLength) {
    throw new TruncatedError(source.name, `a header of ${headerByteLength} bytes expected, it ends before`);
  }
  if (headerByteLength > MAX_HEADER_BYTE_LENGTH) {
    throw new LimitError(
      source.name,
      `the header has ${headerByteLength} bytes; at most ${MAX_HEADER_BYTE_LENGTH} are read, which no model here needs`,
    );
  }
  const bytes = await source.read(HEADER_LENGTH_BYTE_LENGTH, headerByteLength, options);
  const { depth, values, commas } = jsonSize(bytes);
  if (depth > MAX_DEPTH || values > MAX_VALUES) {
    const most = `at most ${MAX_VALUES} values, at most ${MAX_DEPTH} levels deep, are read`;
    throw new LimitError(source.name, `the header has ${values} values, ${depth} levels deep; ${most}`);
  }
  return parseHeader(source, bytes, commas + 1, dataByteOffset);
}

function parseHeader(
  source: ByteSource,
  bytes: Uint8Array,
  members: number,
  dataByteOffset: number,
): SafetensorsHeader {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new SafetensorsHeaderError(source.name, "the header is no JSON", { cause });
  }
  if (!isObject(json)) throw new SafetensorsHeaderError(source.name, "the header is no JSON object");
  // Of two members with one name JSON.parse keeps the last.
  if (members > 1 && Object.keys(json).length < members) {
    throw new SafetensorsHeaderError(source.name, "two tensors have the same name");
  }
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(json)) {
    if (name === METADATA_KEY) metadata = parseMetadata(source.name, value);
    else entries.set(name, parseEntry(source, name, value, dataByteOffset));
  }
  refuseOverlaps(source.name, entries.values());
  return { entries, metadata };
}

/** No byte is of two tensors. */
function refuseOverlaps(source: string, entries: Iterable<SafetensorsEntry>): void {
  const stored = [...entries].filter(({ byteLength }) => byteLength > 0);
  stored.sort((a, b) => a.byteOffset - b.byteOffset);
  for (const [index, { name, byteOffset }] of stored.entries()) {
    const before = stored[index - 1];
    if (before && before.byteOffset + before.byteLength > byteOffset) {
      throw new SafetensorsHeaderError(source, `tensor "${name}" begins within tensor "${before.name}"`);
    }
  }
}

function parseMetadata(source: string, value: unknown): Record<string, string> {
  // A null prototype, so that a key such as `__proto__` is only a key.
  const metadata: Record<string, string> = Object.create(null);
  if (!isObject(value)) throw new SafetensorsHeaderError(source, `${METADATA_KEY} is no object of texts`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw new SafetensorsHeaderError(source, `${METADATA_KEY} "${key}" is no text`);
    metadata[key] = text;
  }
  return metadata;
}

function parseEntry(source: ByteSource, name: string, value: unknown, dataByteOffset: number): SafetensorsEntry {
  const refuse = (message: string) => new SafetensorsHeaderError(source.name, `tensor "${name}": ${message}`);
  if (!isObject(value)) throw refuse("no object describes it");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") throw refuse("its dtype is no text");
  if (!Array.isArray(shape) || !shape.every(isCount)) throw refuse("its shape is no list of sizes");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw refuse("its data_offsets are no pair of byte offsets");
  }
  const [start, end] = offsets as [number, number];
  if (end < start) throw refuse(`its data_offsets go backwards, from ${start} to ${end}`);
  if (dataByteOffset + end > source.byteLength) {
    const message = `tensor "${name}" ends at byte ${dataByteOffset + end}, the file at ${source.byteLength}`;
    throw new TruncatedError(source.name, message);
  }
  const elementByteLength = ELEMENT_BYTE_LENGTHS.get(dtype);
  const expected = shape.reduce((product: number, size: number) => product * size, elementByteLength ?? 1);
  if (elementByteLength !== undefined && end - start !== expected) {
    throw refuse(`${dtype} [${shape.join(", ")}] takes ${expected} bytes, its data_offsets give ${end - start}`);
  }
  return { name, dtype, shape, byteOffset: dataByteOffset + start, byteLength: end - start };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
