/**
 * Lists what a zip file holds and says where the bytes of an entry lie, so that they can be read by range. zip64
 * included. Not here: decompression (torch stores its entries as they are), checksums, archives in several parts.
 */

import type { ByteSource, ReadOptions } from "../byte-source.ts";
import { CompressedEntryError, EmptyFileError, LimitError, TruncatedError, ZipError } from "../errors.ts";

/** One entry of a zip, as the central directory has it. */
export interface ZipEntry {
  /** Full path within the zip, with slashes. */
  readonly name: string;
  /** Size of its content. */
  readonly byteLength: number;
  /** Size as stored; the same unless it is compressed. */
  readonly storedByteLength: number;
  /** Where its local header starts. */
  readonly headerByteOffset: number;
  /** 0 is stored, 8 is deflated. */
  readonly method: number;
  readonly encrypted: boolean;
}

/** The entries of a zip. */
export interface ZipDirectory {
  /** By name, in the directory's order. Folders are left out. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Where the entry's content starts in the source. Costs one read of 30 bytes. */
  locate(entry: ZipEntry, options?: ReadOptions): Promise<number>;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTE_LENGTH = 22;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTE_LENGTH = 20;
const ZIP64_END_SIGNATURE = 0x06064b50;
const ZIP64_END_BYTE_LENGTH = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTE_LENGTH = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTE_LENGTH = 30;
const ZIP64_EXTRA_ID = 0x0001;
const MAX_COMMENT_BYTE_LENGTH = 0xffff;

/** The published 2.8B checkpoint needs 60 kB. In memory an entry takes several times its bytes. */
const MAX_DIRECTORY_BYTE_LENGTH = 8 * 1024 * 1024;

/**
 * Reads a zip's central directory.
 *
 * Throws `EmptyFileError`, `TruncatedError` (no end of directory), `ZipError` (damaged), `LimitError`.
 */
export async function readZipDirectory(source: ByteSource, options: ReadOptions = {}): Promise<ZipDirectory> {
  if (source.byteLength === 0) throw new EmptyFileError(source.name);
  const end = await readEnd(source, options);
  const { directoryByteOffset, directoryByteLength, entryCount } = end;
  if (directoryByteOffset + directoryByteLength > end.byteOffset) {
    throw new ZipError(source.name, "the zip's central directory overlaps its end record");
  }
  if (directoryByteLength > MAX_DIRECTORY_BYTE_LENGTH) {
    const limit = `at most ${MAX_DIRECTORY_BYTE_LENGTH} are read`;
    throw new LimitError(
      source.name,
      `the zip's central directory has ${directoryByteLength} bytes; ${limit}: save only the state_dict`,
    );
  }
  const bytes = await source.read(directoryByteOffset, directoryByteLength, options);
  const entries = parseEntries(source.name, bytes, entryCount, directoryByteOffset);
  return {
    entries,
    locate: (entry, locateOptions = {}) => locate(source, entry, directoryByteOffset, locateOptions),
  };
}

interface EndRecord {
  /** Where the end record itself starts. */
  readonly byteOffset: number;
  readonly directoryByteOffset: number;
  readonly directoryByteLength: number;
  readonly entryCount: number;
}

async function readEnd(source: ByteSource, options: ReadOptions): Promise<EndRecord> {
  // The record is at the very end, before a comment of unknown length.
  const tailByteLength = Math.min(
    source.byteLength,
    ZIP64_END_BYTE_LENGTH + ZIP64_LOCATOR_BYTE_LENGTH + END_BYTE_LENGTH + MAX_COMMENT_BYTE_LENGTH,
  );
  const tailByteOffset = source.byteLength - tailByteLength;
  const tail = viewOf(await source.read(tailByteOffset, tailByteLength, options));
  const at = findEnd(tail);
  if (at === undefined) {
    throw new TruncatedError(source.name, "a zip ends with its directory's end record, and there is none");
  }
  const byteOffset = tailByteOffset + at;
  const locatorAt = at - ZIP64_LOCATOR_BYTE_LENGTH;
  if (locatorAt >= 0 && tail.getUint32(locatorAt, true) === ZIP64_LOCATOR_SIGNATURE) {
    const zip64ByteOffset = readUint64(source.name, tail, locatorAt + 8);
    return readZip64End(source, zip64ByteOffset, byteOffset - ZIP64_LOCATOR_BYTE_LENGTH, options);
  }
  if (tail.getUint16(at + 4, true) !== 0 || tail.getUint16(at + 6, true) !== 0) throw severalParts(source.name);
  return {
    byteOffset,
    entryCount: tail.getUint16(at + 10, true),
    directoryByteLength: tail.getUint32(at + 12, true),
    directoryByteOffset: tail.getUint32(at + 16, true),
  };
}

function findEnd(tail: DataView): number | undefined {
  for (let at = tail.byteLength - END_BYTE_LENGTH; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_SIGNATURE) continue;
    // The signature may also occur in data or in the comment; only the real one's comment reaches to the end.
    if (at + END_BYTE_LENGTH + tail.getUint16(at + 20, true) === tail.byteLength) return at;
  }
  return undefined;
}

async function readZip64End(
  source: ByteSource,
  byteOffset: number,
  limit: number,
  options: ReadOptions,
): Promise<EndRecord> {
  if (byteOffset + ZIP64_END_BYTE_LENGTH > limit) {
    throw new ZipError(source.name, `the zip64 end record cannot be at byte ${byteOffset}`);
  }
  const record = viewOf(await source.read(byteOffset, ZIP64_END_BYTE_LENGTH, options));
  if (record.getUint32(0, true) !== ZIP64_END_SIGNATURE) {
    throw new ZipError(source.name, `no zip64 end record at byte ${byteOffset}`);
  }
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0) throw severalParts(source.name);
  return {
    byteOffset,
    entryCount: readUint64(source.name, record, 32),
    directoryByteLength: readUint64(source.name, record, 40),
    directoryByteOffset: readUint64(source.name, record, 48),
  };
}

function parseEntries(
  name: string,
  bytes: Uint8Array,
  entryCount: number,
  directoryByteOffset: number,
): ReadonlyMap<string, ZipEntry> {
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < entryCount; index++) {
    if (at + ENTRY_BYTE_LENGTH > bytes.byteLength || view.getUint32(at, true) !== ENTRY_SIGNATURE) {
      const where = `entry ${index} of ${entryCount} of the zip's central directory`;
      throw new ZipError(name, `${where} is damaged`);
    }
    const nameAt = at + ENTRY_BYTE_LENGTH;
    const extraAt = nameAt + view.getUint16(at + 28, true);
    const commentAt = extraAt + view.getUint16(at + 30, true);
    const next = commentAt + view.getUint16(at + 32, true);
    if (next > bytes.byteLength) {
      throw new ZipError(name, `entry ${index} reaches beyond the zip's central directory`);
    }
    const entryName = new TextDecoder().decode(bytes.subarray(nameAt, extraAt));
    const entry: ZipEntry = {
      name: entryName,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      ...sizesOf(name, entryName, view, at, extraAt, commentAt),
    };
    at = next;
    if (entryName.endsWith("/")) continue;
    if (entries.has(entryName)) throw new ZipError(name, `entry "${entryName}" occurs twice in the zip`);
    if (entry.headerByteOffset + LOCAL_BYTE_LENGTH + entry.storedByteLength > directoryByteOffset) {
      throw new ZipError(name, `entry "${entryName}" reaches into the zip's central directory`);
    }
    entries.set(entryName, entry);
  }
  refuseOverlaps(name, entries.values());
  return entries;
}

/** No byte is of two entries. */
function refuseOverlaps(name: string, entries: Iterable<ZipEntry>): void {
  const inOrder = [...entries].sort((a, b) => a.headerByteOffset - b.headerByteOffset);
  for (const [index, entry] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before && before.headerByteOffset + LOCAL_BYTE_LENGTH + before.storedByteLength > entry.headerByteOffset) {
      throw new ZipError(name, `entry "${entry.name}" begins within entry "${before.name}"`);
    }
  }
}

type EntrySizes = Pick<ZipEntry, "byteLength" | "storedByteLength" | "headerByteOffset">;

/** The entry's sizes; those of 0xffffffff are in the zip64 extra field, in this order. */
function sizesOf(
  name: string,
  entryName: string,
  view: DataView,
  at: number,
  extraAt: number,
  extraEnd: number,
): EntrySizes {
  let storedByteLength = view.getUint32(at + 20, true);
  let byteLength = view.getUint32(at + 24, true);
  let headerByteOffset = view.getUint32(at + 42, true);
  const missing = [byteLength, storedByteLength, headerByteOffset].filter((size) => size === 0xffffffff).length;
  if (missing === 0) return { byteLength, storedByteLength, headerByteOffset };

  let field = extraAt;
  while (field + 4 <= extraEnd && view.getUint16(field, true) !== ZIP64_EXTRA_ID) {
    field += 4 + view.getUint16(field + 2, true);
  }
  const fieldEnd = field + 4 <= extraEnd ? field + 4 + view.getUint16(field + 2, true) : 0;
  if (fieldEnd > extraEnd || fieldEnd < field + 4 + 8 * missing) {
    throw new ZipError(name, `entry "${entryName}" lacks its zip64 sizes`);
  }
  let valueAt = field + 4;
  const nextValue = () => {
    valueAt += 8;
    return readUint64(name, view, valueAt - 8);
  };
  if (byteLength === 0xffffffff) byteLength = nextValue();
  if (storedByteLength === 0xffffffff) storedByteLength = nextValue();
  if (headerByteOffset === 0xffffffff) headerByteOffset = nextValue();
  return { byteLength, storedByteLength, headerByteOffset };
}

async function locate(
  source: ByteSource,
  entry: ZipEntry,
  directoryByteOffset: number,
  options: ReadOptions,
): Promise<number> {
  refuseUnlessStored(source.name, entry);
  // The local header's name and extra field may be longer than the directory's: torch pads data to 64 bytes with it.
  const header = viewOf(await source.read(entry.headerByteOffset, LOCAL_BYTE_LENGTH, options));
  if (header.getUint32(0, true) !== LOCAL_SIGNATURE) {
    throw new ZipError(source.name, `entry "${entry.name}" has no header at byte ${entry.headerByteOffset}`);
  }
  const start = entry.headerByteOffset + LOCAL_BYTE_LENGTH + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + entry.byteLength > directoryByteOffset) {
    throw new ZipError(source.name, `entry "${entry.name}" reaches into the zip's central directory`);
  }
  return start;
}

/** Throws `CompressedEntryError` unless the entry's bytes lie in the file as they are. */
export function refuseUnlessStored(source: string, entry: ZipEntry): void {
  if (entry.encrypted) throw new CompressedEntryError(source, entry.name, "encrypted");
  if (entry.method !== 0) {
    const how = entry.method === 8 ? "deflated" : `compressed with method ${entry.method}`;
    throw new CompressedEntryError(source, entry.name, how);
  }
  if (entry.byteLength !== entry.storedByteLength) {
    const sizes = `${entry.byteLength} and ${entry.storedByteLength} bytes`;
    throw new ZipError(source, `entry "${entry.name}" is stored, yet has two sizes: ${sizes}`);
  }
}

function readUint64(name: string, view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw new ZipError(name, `size ${value} in the zip's directory cannot be right`);
  return value;
}

function severalParts(name: string): ZipError {
  return new ZipError(name, "the zip is one part of several", "join them first (zip -s 0)");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
