/**
 * Values of a GGUF header as bytes.
 */
import type { GgufArray, GgufValue } from "./gguf-values.ts";

/** The format's numbers for types. */
const [U32, I32, F32, BOOL, STRING, ARRAY, U64] = [4, 5, 6, 7, 8, 9, 10];

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: number | bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

export function encodeText(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + encoded.length);
  bytes.set(u64(encoded.length));
  bytes.set(encoded, 8);
  return bytes;
}

/** A value with its type before it. */
export function encodeValue(value: GgufValue): Uint8Array[] {
  switch (typeof value) {
    case "string":
      return [u32(STRING), encodeText(value)];
    case "boolean":
      return [u32(BOOL), Uint8Array.of(value ? 1 : 0)];
    case "bigint":
      return [u32(U64), u64(value)];
    case "number":
      if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return [u32(U32), u32(value)];
      if (Number.isInteger(value) && value < 0 && value >= -(2 ** 31)) {
        return [u32(I32), new Uint8Array(Int32Array.of(value).buffer)];
      }
      return [u32(F32), new Uint8Array(Float32Array.of(value).buffer)];
    default:
      return [u32(ARRAY), ...encodeArray(value)];
  }
}

/** Typed arrays by the type's number; the order matters to nobody. */
const ARRAYS = [
  [0, Uint8Array],
  [1, Int8Array],
  [2, Uint16Array],
  [3, Int16Array],
  [4, Uint32Array],
  [5, Int32Array],
  [6, Float32Array],
  [10, BigUint64Array],
  [11, BigInt64Array],
  [12, Float64Array],
] as const;

function encodeArray(values: GgufArray): Uint8Array[] {
  if (ArrayBuffer.isView(values)) {
    const [type] = ARRAYS.find(([, Numbers]) => values instanceof Numbers) ?? [0];
    return [u32(type), u64(values.length), new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
  }
  if (typeof values[0] === "boolean") {
    return [u32(BOOL), u64(values.length), Uint8Array.from(values as readonly boolean[], (value) => (value ? 1 : 0))];
  }
  return [u32(STRING), u64(values.length), ...(values as readonly string[]).map(encodeText)];
}
