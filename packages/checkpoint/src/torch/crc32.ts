/**
 * The checksum of a zip's entries: CRC-32 as zip and PNG have it, piece by piece, sixteen bytes at a time. Not here: checking one,
 * which readers of checkpoints leave out, as reading by range never sees a whole entry.
 */

/** Reflected, as the format wants it. */
const POLYNOMIAL = 0xedb88320;

/** Bytes that are taken at a time. */
const SLICES = 16;

/** For each of sixteen bytes, by its place from the last on: what 256 values of it do to the checksum. */
const TABLE = makeTable();

function makeTable(): Uint32Array {
  const table = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    table[byte] = value;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256] as number;
    table[at] = (before >>> 8) ^ (table[before & 255] as number);
  }
  return table;
}

/**
 * The checksum of what came before and these bytes.
 *
 * @param before - of what came before; 0 for nothing
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  let at = 0;
  const head = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  for (; at < head; at++) crc = step(crc, bytes[at] as number);
  const groups = Math.floor((bytes.length - at) / SLICES);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, groups * 4);
  crc = stepGroups(crc, words);
  for (at += groups * SLICES; at < bytes.length; at++) crc = step(crc, bytes[at] as number);
  return ~crc >>> 0;
}

function step(crc: number, byte: number): number {
  return (crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] as number);
}

/** Little-endian words, four at a time. */
function stepGroups(start: number, words: Uint32Array): number {
  const t = TABLE;
  let crc = start;
  for (let i = 0; i < words.length; i += 4) {
    const a = (words[i] as number) ^ crc;
    const b = words[i + 1] as number;
    const c = words[i + 2] as number;
    const d = words[i + 3] as number;
    crc =
      (t[3840 + (a & 255)] as number) ^
      (t[3584 + ((a >>> 8) & 255)] as number) ^
      (t[3328 + ((a >>> 16) & 255)] as number) ^
      (t[3072 + (a >>> 24)] as number) ^
      (t[2816 + (b & 255)] as number) ^
      (t[2560 + ((b >>> 8) & 255)] as number) ^
      (t[2304 + ((b >>> 16) & 255)] as number) ^
      (t[2048 + (b >>> 24)] as number) ^
      (t[1792 + (c & 255)] as number) ^
      (t[1536 + ((c >>> 8) & 255)] as number) ^
      (t[1280 + ((c >>> 16) & 255)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[768 + (d & 255)] as number) ^
      (t[512 + ((d >>> 8) & 255)] as number) ^
      (t[256 + ((d >>> 16) & 255)] as number) ^
      (t[d >>> 24] as number);
  }
  return crc;
}
