/**
 * What quantised types have in common: blocks of values with one scale each. Not here: how a type makes its values, see
 * `q8-0.ts` and `q4-0.ts`.
 */

import { f32ToF16, QUANT_BLOCK } from "@blackmamba/tensor";
import { QuantizeError } from "../errors.ts";

/** Blocks of 32 values with one scale each, as `storageLayout` wants their bytes. */
export interface QuantizedBlocks {
  /** The stored values: a signed byte each in `q8_0`, two in a byte in `q4_0`. */
  readonly values: Int8Array | Uint8Array;
  /** The bits of one float16 a block. */
  readonly scales: Uint16Array;
}

/** The largest finite float16. */
export const MAX_SCALE = 65504;

const MAX_F32 = 3.4028234663852886e38;

/** How many blocks so many values make. Throws `QuantizeError` where they are not whole. */
export function blockCount(values: Float32Array, what: string): number {
  if (values.length % QUANT_BLOCK === 0) return values.length / QUANT_BLOCK;
  throw new QuantizeError(what, `a multiple of ${QUANT_BLOCK} values expected, ${values.length} found`);
}

/** Of the block at `start`: the value of largest magnitude, the first of equals; NaN where there is one. */
export function extremeOf(values: Float32Array, start: number): number {
  let extreme = 0;
  for (let index = start; index < start + QUANT_BLOCK; index++) {
    const value = values[index] as number;
    // Written so that NaN is taken too, and kept: ggml would lose it.
    if (!(Math.abs(value) <= Math.abs(extreme))) extreme = value;
    if (Number.isNaN(extreme)) break;
  }
  return extreme;
}

/** The float16 nearest to the scale of the block at `start`. Throws `QuantizeError` where none is. */
export function scaleBits(scale: number, extreme: number, start: number, what: string): number {
  if (Math.abs(scale) <= MAX_SCALE) return f32ToF16(scale);
  const found = `a block whose largest magnitude is ${Math.abs(extreme)}`;
  throw new QuantizeError(what, `${found}, at value ${start}; no float16 scale fits it: keep it as it is`);
}

/** 1 / scale in float32; 0 for a block of zeros. */
export function inverseOf(scale: number): number {
  if (scale === 0) return 0;
  // Below 3e-39 it is infinite; the stored scale is zero there anyway.
  return Math.sign(scale) * Math.min(Math.fround(1 / Math.abs(scale)), MAX_F32);
}
