/** Writes GGUF files value by value, for tests, with the mistakes that tests need. */

/** A metadata value with its type's number in the format. */
export type TypedValue =
  | readonly [type: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 12, value: number]
  | readonly [type: 7, value: boolean]
  | readonly [type: 8, value: string]
  | readonly [type: 10 | 11, value: bigint]
  | readonly [type: 9, element: number, values: readonly (number | bigint | boolean | string)[]]
  | readonly [type: number, value: unknown];

/** A tensor to write. */
export interface GgufTensor {
  readonly name: string;
  /** ggml's number of the type. */
  readonly type: number;
  /** As in the file: innermost first. */
  readonly sizes: readonly number[];
  readonly bytes: Uint8Array;
  /** Default: after the tensor before it, at a multiple of the alignment. */
  readonly byteOffset?: number | undefined;
}

/** A file to write. */
export interface GgufFile {
  readonly version?: number | undefined;
  readonly values?: Readonly<Record<string, TypedValue>> | undefined;
  readonly tensors?: readonly GgufTensor[] | undefined;
  readonly alignment?: number | undefined;
}

/** The file's bytes. */
export function ggufFile({ version = 3, values = {}, tensors = [], alignment = 32 }: GgufFile): Uint8Array {
  const bytes: number[] = [];
  const push = (byteLength: number, write: (view: DataView) => void) => {
    const view = new DataView(new ArrayBuffer(byteLength));
    write(view);
    bytes.push(...new Uint8Array(view.buffer));
  };
  const u32 = (value: number) => push(4, (view) => view.setUint32(0, value, true));
  const u64 = (value: number | bigint) => push(8, (view) => view.setBigUint64(0, BigInt(value), true));
  const text = (value: string) => {
    const encoded = new TextEncoder().encode(value);
    u64(encoded.length);
    bytes.push(...encoded);
  };
  const scalar = (type: number, value: unknown) => {
    const number = Number(value);
    if (type === 0 || type === 7) bytes.push(number & 255);
    else if (type === 1) push(1, (view) => view.setInt8(0, number));
    else if (type === 2) push(2, (view) => view.setUint16(0, number, true));
    else if (type === 3) push(2, (view) => view.setInt16(0, number, true));
    else if (type === 4) u32(number);
    else if (type === 5) push(4, (view) => view.setInt32(0, number, true));
    else if (type === 6) push(4, (view) => view.setFloat32(0, number, true));
    else if (type === 8) text(String(value));
    else if (type === 10) u64(value as bigint);
    else if (type === 11) push(8, (view) => view.setBigInt64(0, value as bigint, true));
    else if (type === 12) push(8, (view) => view.setFloat64(0, number, true));
  };
  bytes.push(...new TextEncoder().encode("GGUF"));
  u32(version);
  u64(tensors.length);
  u64(Object.keys(values).length);
  for (const [key, [type, first, second]] of Object.entries(values)) {
    text(key);
    u32(type);
    if (type !== 9) scalar(type, first);
    else {
      u32(first as number);
      u64((second as unknown[]).length);
      for (const value of second as unknown[]) scalar(first as number, value);
    }
  }
  const places: number[] = [];
  let end = 0;
  for (const { bytes: content, byteOffset = Math.ceil(end / alignment) * alignment } of tensors) {
    places.push(byteOffset);
    end = byteOffset + content.length;
  }
  for (const [index, { name, sizes, type }] of tensors.entries()) {
    text(name);
    u32(sizes.length);
    for (const size of sizes) u64(size);
    u32(type);
    u64(places[index] as number);
  }
  const start = Math.ceil(bytes.length / alignment) * alignment;
  const dataByteLength = Math.max(
    0,
    ...tensors.map(({ bytes: { length } }, index) => (places[index] as number) + length),
  );
  const file = new Uint8Array(tensors.length > 0 ? start + dataByteLength : bytes.length);
  file.set(bytes);
  for (const [index, { bytes: content }] of tensors.entries()) file.set(content, start + (places[index] as number));
  return file;
}
