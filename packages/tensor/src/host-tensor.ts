/**
 * A tensor's elements in this process's memory, for references and the CPU device: typed arrays, and rows as float32.
 */
import { type DType, Q4_0_ZERO, QUANT_BLOCK } from "./dtype.ts";
import { ShapeError } from "./errors.ts";
import { bf16ToF32, f16ToF32 } from "./float.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor over an ArrayBuffer. */
export interface HostTensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly rowStride: number;
  /** The elements as they are stored: 32-bit, 16-bit patterns, signed bytes (`q8_0`) or pairs in a byte (`q4_0`). */
  readonly values: Float32Array | Uint32Array | Uint16Array | Int8Array | Uint8Array;
  /** f16 patterns, one per block of 32, for `q8_0` and `q4_0`. */
  readonly scales?: Uint16Array;
}

/**
 * Views a tensor whose storage is in the given buffer.
 *
 * @param start - where in the buffer the storage starts, in bytes. Default 0
 */
export function hostTensor(tensor: Tensor, buffer: ArrayBufferLike, start = 0): HostTensor {
  const { label, dtype, shape, offset, rowStride, values } = tensor;
  const range = [buffer, start + values.byteOffset] as const;
  const view = { label, dtype, shape, offset, rowStride };
  switch (dtype) {
    case "f32":
      return { ...view, values: new Float32Array(...range, values.byteLength / 4) };
    case "u32":
      return { ...view, values: new Uint32Array(...range, values.byteLength / 4) };
    case "f16":
    case "bf16":
      return { ...view, values: new Uint16Array(...range, values.byteLength / 2) };
    case "q8_0":
      return { ...view, values: new Int8Array(...range, values.byteLength), scales: scalesOf(tensor, buffer, start) };
    case "q4_0":
      return { ...view, values: new Uint8Array(...range, values.byteLength), scales: scalesOf(tensor, buffer, start) };
  }
}

function scalesOf({ scales }: Tensor, buffer: ArrayBufferLike, start: number): Uint16Array {
  return new Uint16Array(buffer, start + (scales?.byteOffset ?? 0), (scales?.byteLength ?? 0) / 2);
}

/** The elements of an f32 tensor, from its storage's start: index with `offset` and `rowStride`. */
export function f32(tensor: HostTensor): Float32Array {
  if (tensor.values instanceof Float32Array) return tensor.values;
  throw new ShapeError(`${tensor.label}: expected f32, found ${tensor.dtype}`);
}

/** The elements of a u32 tensor, from its storage's start: index with `offset` and `rowStride`. */
export function u32(tensor: HostTensor): Uint32Array {
  if (tensor.values instanceof Uint32Array) return tensor.values;
  throw new ShapeError(`${tensor.label}: expected u32, found ${tensor.dtype}`);
}

/**
 * Reads rows of any float type as float32.
 *
 * @returns a function from a row's index to its elements; they may be overwritten by the next call
 */
export function rowReader(tensor: HostTensor): (row: number) => Float32Array {
  const { dtype, values, offset, rowStride } = tensor;
  const width = tensor.shape.at(-1) ?? 1;
  if (dtype === "f32") {
    const elements = f32(tensor);
    return (index) => elements.subarray(offset + index * rowStride, offset + index * rowStride + width);
  }
  const row = new Float32Array(width);
  // The loops are functions of their own: within these closures they run at a third of the speed.
  switch (dtype) {
    case "bf16": {
      const bits = new Uint32Array(row.buffer);
      return (index) => {
        widenBf16(values as Uint16Array, index * width, bits);
        return row;
      };
    }
    case "f16":
      return (index) => {
        widenF16(values as Uint16Array, index * width, row, wideningTable("f16"));
        return row;
      };
    case "q8_0":
      return (index) => {
        widenQ8(values as Int8Array, tensor.scales as Uint16Array, index * width, row, wideningTable("f16"));
        return row;
      };
    case "q4_0":
      return (index) => {
        widenQ4(values as Uint8Array, tensor.scales as Uint16Array, index * width, row, wideningTable("f16"));
        return row;
      };
    case "u32":
      throw new ShapeError(`${tensor.label}: expected a float type, found u32`);
  }
}

function widenBf16(values: Uint16Array, start: number, bits: Uint32Array): void {
  for (let k = 0; k < bits.length; k++) bits[k] = (values[start + k] as number) << 16;
}

function widenF16(values: Uint16Array, start: number, row: Float32Array, table: Float32Array): void {
  for (let k = 0; k < row.length; k++) row[k] = table[values[start + k] as number] as number;
}

function widenQ8(values: Int8Array, scales: Uint16Array, start: number, row: Float32Array, table: Float32Array): void {
  for (let block = 0; block < row.length; block += QUANT_BLOCK) {
    const scale = table[scales[(start + block) / QUANT_BLOCK] as number] as number;
    for (let k = block; k < block + QUANT_BLOCK; k++) row[k] = scale * (values[start + k] as number);
  }
}

function widenQ4(values: Uint8Array, scales: Uint16Array, start: number, row: Float32Array, table: Float32Array): void {
  for (let block = 0; block < row.length; block += QUANT_BLOCK) {
    const scale = table[scales[(start + block) / QUANT_BLOCK] as number] as number;
    for (let k = block; k < block + QUANT_BLOCK; k += 2) {
      const pair = values[(start + k) / 2] as number;
      row[k] = scale * ((pair & 15) - Q4_0_ZERO);
      row[k + 1] = scale * ((pair >>> 4) - Q4_0_ZERO);
    }
  }
}

const tables = new Map<"f16" | "bf16", Float32Array>();

/** All 65,536 values of a 16-bit type as float32: a look-up is several times faster than taking the bits apart. */
export function wideningTable(dtype: "f16" | "bf16"): Float32Array {
  let table = tables.get(dtype);
  if (!table) {
    const widen = dtype === "f16" ? f16ToF32 : bf16ToF32;
    table = Float32Array.from({ length: 65536 }, (_, bits) => widen(bits));
    tables.set(dtype, table);
  }
  return table;
}
