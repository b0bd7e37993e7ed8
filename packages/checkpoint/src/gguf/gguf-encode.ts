/**
 * Values of a GGUF header as bytes.
 */
import { ARRAY, BOOL, F32, I32, NUMBER_ARRAYS, STRING, U32, U64 } from "./gguf-types.ts";
import type { GgufArray, GgufValue } from "./gguf-values.ts";

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

function encodeArray(values: GgufArray): Uint8Array[] {
  if (ArrayBuffer.isView(values)) {
    const [type] = [...NUMBER_ARRAYS].find(([, Numbers]) => values instanceof Numbers) ?? [0];
    return [u32(type), u64(values.length), new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
  }
  if (typeof values[0] === "boolean") {
    return [u32(BOOL), u64(values.length), Uint8Array.from(values as readonly boolean[], (value) => (value ? 1 : 0))];
  }
  return [u32(STRING), u64(values.length), ...(values as readonly string[]).map(encodeText)];
}
