/**
 * Writes a zip in one pass, as `torch.save` lays it out: entries stored as they are, each beginning at a multiple of 64 bytes, with
 * its checksum behind it; zip64. Not here: what the entries are, see `write-torch.ts`.
 */
import { crc32 } from "./crc32.ts";

/** Data begin at multiples of this, so that a reader may map the file and use them in place. */
const ALIGNMENT = 64;

/** What a 32-bit field holds where the value is in the zip64 extra field. */
const ELSEWHERE = 0xffffffff;

/** The version of the format that a reader has to know: for zip64, and for none. */
const [ZIP64_VERSION, PLAIN_VERSION] = [45, 20];

/** A checksum follows the data; names are UTF-8. */
const FLAGS = 0x0808;

/** 1 January 1980, the earliest that there is: the same model gives the same file. */
const DATE = 0x0021;

/** An extra field that only takes up room; torch's id of it. */
const PADDING_ID = 0x4246;

const ZIP64_ID = 0x0001;

/** Writes entries one after another, then the directory. */
export interface ZipWriter {
  /**
   * Writes an entry.
   *
   * @param byteLength - of all its bytes together, which the caller sees to
   */
  entry(name: string, byteLength: number, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /** Writes the directory. Returns the file's size in bytes. */
  finish(): Promise<number>;
}

interface WrittenEntry {
  readonly name: Uint8Array;
  readonly byteLength: number;
  readonly crc: number;
  /** Where its header begins. */
  readonly byteOffset: number;
}

/** @param write - takes the file's bytes in order; they may change once the promise has resolved */
export function createZipWriter(write: (bytes: Uint8Array) => Promise<void>): ZipWriter {
  const entries: WrittenEntry[] = [];
  let position = 0;
  const put = async (bytes: Uint8Array) => {
    await write(bytes);
    position += bytes.byteLength;
  };
  return {
    async entry(text, byteLength, bytes) {
      const name = new TextEncoder().encode(text);
      const byteOffset = position;
      await put(localHeader(name, byteLength, byteOffset));
      let crc = 0;
      for await (const piece of bytes) {
        crc = crc32(piece, crc);
        await put(piece);
      }
      await put(descriptor(crc, byteLength));
      entries.push({ name, byteLength, crc, byteOffset });
    },

    async finish() {
      const start = position;
      for (const entry of entries) await put(directoryEntry(entry));
      await put(endRecords(entries.length, start, position));
      return position;
    },
  };
}

function localHeader(name: Uint8Array, byteLength: number, byteOffset: number): Uint8Array {
  const isLarge = byteLength >= ELSEWHERE;
  const zip64 = isLarge ? [...u16(ZIP64_ID), ...u16(16), ...u64(byteLength), ...u64(byteLength)] : [];
  const unpadded = byteOffset + 30 + name.length + zip64.length + 4;
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
  const extra = [...zip64, ...u16(PADDING_ID), ...u16(padding), ...new Array<number>(padding).fill(0x5a)];
  // Checksum and sizes come behind the data.
  const size = isLarge ? ELSEWHERE : 0;
  return Uint8Array.from([
    ...[...u32(0x04034b50), ...u16(isLarge ? ZIP64_VERSION : PLAIN_VERSION), ...u16(FLAGS), ...u16(0)],
    ...[...u16(0), ...u16(DATE), ...u32(0), ...u32(size), ...u32(size), ...u16(name.length), ...u16(extra.length)],
    ...[...name, ...extra],
  ]);
}

function descriptor(crc: number, byteLength: number): Uint8Array {
  const size = byteLength >= ELSEWHERE ? u64(byteLength) : u32(byteLength);
  return Uint8Array.from([...u32(0x08074b50), ...u32(crc), ...size, ...size]);
}

function directoryEntry({ name, byteLength, crc, byteOffset }: WrittenEntry): Uint8Array {
  const isLarge = byteLength >= ELSEWHERE;
  const isFar = byteOffset >= ELSEWHERE;
  // Only what has no room in its own field, in this order.
  const elsewhere = [...(isLarge ? [byteLength, byteLength] : []), ...(isFar ? [byteOffset] : [])];
  const extra = elsewhere.length > 0 ? [...u16(ZIP64_ID), ...u16(8 * elsewhere.length), ...elsewhere.flatMap(u64)] : [];
  const version = elsewhere.length > 0 ? ZIP64_VERSION : PLAIN_VERSION;
  const size = isLarge ? ELSEWHERE : byteLength;
  return Uint8Array.from([
    ...[...u32(0x02014b50), ...u16(version), ...u16(version), ...u16(FLAGS), ...u16(0), ...u16(0), ...u16(DATE)],
    ...[...u32(crc), ...u32(size), ...u32(size), ...u16(name.length), ...u16(extra.length), ...u16(0), ...u16(0)],
    ...[...u16(0), ...u32(0), ...u32(isFar ? ELSEWHERE : byteOffset), ...name, ...extra],
  ]);
}

/** The zip64 record, where it is, and the plain one: torch writes all three whatever the size. */
function endRecords(count: number, start: number, end: number): Uint8Array {
  const byteLength = end - start;
  const few = Math.min(count, 0xffff);
  return Uint8Array.from([
    ...[...u32(0x06064b50), ...u64(44), ...u16(ZIP64_VERSION), ...u16(ZIP64_VERSION), ...u32(0), ...u32(0)],
    ...[...u64(count), ...u64(count), ...u64(byteLength), ...u64(start)],
    ...[...u32(0x07064b50), ...u32(0), ...u64(end), ...u32(1)],
    ...[...u32(0x06054b50), ...u16(0), ...u16(0), ...u16(few), ...u16(few)],
    ...[...u32(Math.min(byteLength, ELSEWHERE)), ...u32(Math.min(start, ELSEWHERE)), ...u16(0)],
  ]);
}

function u16(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}

function u64(value: number): number[] {
  return [...u32(value % 2 ** 32), ...u32(Math.floor(value / 2 ** 32))];
}
