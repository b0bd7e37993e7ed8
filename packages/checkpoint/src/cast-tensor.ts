/**
 * A tensor in another float type, made while it is read. Not here: quantised types, see `quantized-tensor.ts`.
 */
import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16, type QuantizedDType } from "@blackmamba/tensor";
import { type CheckpointTensor, chunkByteLengthOf } from "./checkpoint.ts";
import { decodeFloats, viewBytes } from "./decode-tensor.ts";
import { CastError } from "./errors.ts";
import { pieces, tensorFromChunks } from "./tensor-from.ts";

/** Types whose elements are floats, one by one. */
export type FloatDType = Exclude<DType, QuantizedDType | "u32">;

/** Bytes of an element. */
const SIZES: Readonly<Record<FloatDType, number>> = { f32: 4, f16: 2, bf16: 2 };

/** Largest finite numbers. */
const LARGEST: Readonly<Record<FloatDType, number>> = {
  f32: 3.4028234663852886e38,
  f16: 65504,
  bf16: 3.3895313892515355e38,
};

/**
 * The same tensor in another float type, of the same name and shape: each element is rounded to the nearest number of that type, of
 * two equally near ones to the even one. Infinity and NaN stay such. Every `chunks()` or `read()` reads and rounds again; memory is
 * a few chunks. A tensor that is of that type already is returned as it is.
 *
 * Throws `CastError` for a type that is no float, and, when the tensor is read, on a number that is too large for the type: it
 * would have become infinite, and a model of it useless.
 */
export function castTensor(tensor: CheckpointTensor, dtype: FloatDType): CheckpointTensor {
  const { name, dtype: from, shape } = tensor;
  if (from === dtype) return tensor;
  if (!isFloat(from)) throw new CastError(name, `f32, f16 or bf16 expected, ${from} found; leave it as it is`);
  return tensorFromChunks({ name, dtype, shape }, async function* (options) {
    const chunkByteLength = chunkByteLengthOf(options);
    // So that what comes out is cut at a multiple of 4 bytes, and as large as was asked for.
    const own = Math.max(4, (chunkByteLength * SIZES[from]) / SIZES[dtype]);
    for await (const { byteOffset, bytes } of tensor.chunks({ ...options, chunkByteLength: own })) {
      const first = byteOffset / SIZES[from];
      yield* pieces(castBytes(name, from, dtype, bytes, first), first * SIZES[dtype], chunkByteLength);
    }
  });
}

/** Whether the type is one that {@link castTensor} takes. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return Object.hasOwn(SIZES, dtype);
}

/** @param first - index of the first element, for errors */
function castBytes(name: string, from: FloatDType, to: FloatDType, bytes: Uint8Array, first: number): Uint8Array {
  if (to === "f32") {
    const floats = decodeFloats(from, bytes);
    return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  }
  const out = new Uint16Array(bytes.byteLength / SIZES[from]);
  const failed =
    from !== "f32"
      ? translate(viewBytes(Uint16Array, bytes), out, tableOf(from))
      : (to === "bf16" ? narrowToBf16 : narrowToF16)(viewBytes(Uint32Array, bytes), out);
  if (failed === undefined) return new Uint8Array(out.buffer);
  const value = decodeFloats(from, bytes)[failed];
  const found = `element ${first + failed} is ${value}, which ${to} cannot hold (its largest is ${LARGEST[to]})`;
  throw new CastError(name, `${found}; take ${to === "f16" ? "bf16 or f32" : "f32"}`);
}

/** Each function returns the index of a finite number that would become infinite, if there is one. */
type Failed = number | undefined;

function narrowToBf16(bits: Uint32Array, out: Uint16Array): Failed {
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] as number;
    const magnitude = word & 0x7fffffff;
    // The last float32 that rounds to a finite one is just below.
    if (magnitude >= 0x7f7f8000) {
      if (magnitude < 0x7f800000) return i;
      // Infinity, or NaN, which stays one whatever is cut off.
      out[i] = magnitude > 0x7f800000 ? (word >>> 16) | 0x40 : word >>> 16;
    } else {
      out[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
    }
  }
  return undefined;
}

function narrowToF16(bits: Uint32Array, out: Uint16Array): Failed {
  const floats = new Float32Array(bits.buffer, bits.byteOffset, bits.length);
  for (let i = 0; i < bits.length; i++) {
    // From 65520 on it would be infinite.
    const magnitude = (bits[i] as number) & 0x7fffffff;
    if (magnitude >= 0x477ff000 && magnitude < 0x7f800000) return i;
    out[i] = f32ToF16(floats[i] as number);
  }
  return undefined;
}

/** In a table: a number that the type cannot hold. */
const TOO_LARGE = -1;

function translate(bits: Uint16Array, out: Uint16Array, table: Int32Array): Failed {
  for (let i = 0; i < bits.length; i++) {
    const code = table[bits[i] as number] as number;
    if (code === TOO_LARGE) return i;
    out[i] = code;
  }
  return undefined;
}

const tables = new Map<FloatDType, Int32Array>();

/** From one 16-bit type to the other: what becomes of each of the 65,536 patterns. */
function tableOf(from: "f16" | "bf16"): Int32Array {
  let table = tables.get(from);
  if (!table) {
    const [widen, narrow] = from === "f16" ? [f16ToF32, f32ToBf16] : [bf16ToF32, f32ToF16];
    const infinities = [narrow(Number.POSITIVE_INFINITY), narrow(Number.NEGATIVE_INFINITY)];
    table = Int32Array.from({ length: 1 << 16 }, (_, bits) => {
      const value = widen(bits);
      const code = narrow(value);
      return Number.isFinite(value) && infinities.includes(code) ? TOO_LARGE : code;
    });
    tables.set(from, table);
  }
  return table;
}
