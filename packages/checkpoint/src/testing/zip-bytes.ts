/**
 * Writes zip files for tests: small ones in memory, large ones as pieces with holes between. Options make the damage that
 * tests need.
 */

/** An entry to write. */
export interface ZipInput {
  readonly name: string;
  /** Its bytes, or only how many, for a hole of zeros. */
  readonly content: Uint8Array | number;
  /** 0, stored, by default. */
  readonly method?: number | undefined;
  /** General purpose flags; 0 by default. */
  readonly flags?: number | undefined;
}

/** Options of `zipPieces`. */
export interface ZipOptions {
  /** Sizes and offsets in the zip64 records only, as for files beyond 4 GiB; false by default. */
  readonly zip64?: boolean | undefined;
  /** Data start at a multiple of this, by a padding extra field as torch writes it; 64 by default. */
  readonly alignment?: number | undefined;
  readonly comment?: string | undefined;
}

/** Bytes and where they belong; what lies between is zero. */
export interface ZipPieces {
  readonly byteLength: number;
  readonly pieces: readonly { readonly byteOffset: number; readonly bytes: Uint8Array }[];
}

/** The zip as one array. */
export function zip(inputs: readonly ZipInput[], options: ZipOptions = {}): Uint8Array {
  const { byteLength, pieces } = zipPieces(inputs, options);
  const file = new Uint8Array(byteLength);
  for (const { byteOffset, bytes } of pieces) file.set(bytes, byteOffset);
  return file;
}

/** The zip as pieces. */
export function zipPieces(inputs: readonly ZipInput[], options: ZipOptions = {}): ZipPieces {
  const { zip64 = false, alignment = 64, comment = "" } = options;
  const pieces: { byteOffset: number; bytes: Uint8Array }[] = [];
  const directory: number[] = [];
  let at = 0;
  for (const { name, content, method = 0, flags = 0 } of inputs) {
    const nameBytes = [...new TextEncoder().encode(name)];
    const size = typeof content === "number" ? content : content.byteLength;
    const sizes = zip64 ? 0xffffffff : size;
    const zip64Sizes = zip64 ? [...u16(1), ...u16(24), ...u64(size), ...u64(size), ...u64(at)] : [];
    const unpadded = at + 30 + nameBytes.length + 4;
    const padding = (alignment - (unpadded % alignment)) % alignment;
    const extra = [...u16(0x4246), ...u16(padding), ...new Array<number>(padding).fill(0x5a)];
    const common = [...u16(20), ...u16(flags), ...u16(method), ...u16(0), ...u16(0), ...u32(0)];
    const local = [...u32(0x04034b50), ...common, ...u32(size), ...u32(size), ...u16(nameBytes.length)];
    const header = Uint8Array.from([...local, ...u16(extra.length), ...nameBytes, ...extra]);
    pieces.push({ byteOffset: at, bytes: header });
    if (typeof content !== "number") pieces.push({ byteOffset: at + header.length, bytes: content });
    directory.push(...u32(0x02014b50), ...u16(20), ...common, ...u32(sizes), ...u32(sizes), ...u16(nameBytes.length));
    directory.push(...u16(zip64Sizes.length), ...u16(0), ...u16(0), ...u16(0), ...u32(0));
    directory.push(...u32(zip64 ? 0xffffffff : at), ...nameBytes, ...zip64Sizes);
    at += header.length + size;
  }
  const count = inputs.length;
  const end: number[] = [];
  if (zip64) {
    end.push(...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0));
    end.push(...u64(count), ...u64(count), ...u64(directory.length), ...u64(at));
    end.push(...u32(0x07064b50), ...u32(0), ...u64(at + directory.length), ...u32(1));
  }
  end.push(...u32(0x06054b50), ...u16(0), ...u16(0));
  end.push(...(zip64 ? [...u16(0xffff), ...u16(0xffff)] : [...u16(count), ...u16(count)]));
  end.push(...u32(zip64 ? 0xffffffff : directory.length), ...u32(zip64 ? 0xffffffff : at));
  const commentBytes = [...new TextEncoder().encode(comment)];
  end.push(...u16(commentBytes.length), ...commentBytes);
  const tail = Uint8Array.from([...directory, ...end]);
  pieces.push({ byteOffset: at, bytes: tail });
  return { byteLength: at + tail.length, pieces };
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
