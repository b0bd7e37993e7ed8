/**
 * float32 to `q8_0` and back, block by block, bit for bit as ggml's reference does it. Not here: whole tensors, see
 * `quantized-tensor.ts`.
 */

import { f16ToF32, f32ToF16, Q8_0_BLOCK } from "@blackmamba/tensor";
import { QuantizeError } from "./errors.ts";

/** Blocks of 32 values with one scale each. */
export interface QuantizedBlocks {
  /** One a value, from -127 to 127. */
  readonly values: Int8Array;
  /** The bits of one float16 a block; a value times its scale is the number it stands for. */
  readonly scales: Uint16Array;
}

/** The largest finite float16. */
const MAX_SCALE = 65504;

/**
 * Quantises to `q8_0`: scale d = max|x| / 127, value = round(x / d), ties away from zero. As in ggml the values are made
 * with the float32 d, before it is rounded to the float16 that is stored.
 *
 * @param values a multiple of 32
 * Throws `QuantizeError` on another length, on NaN or infinity, and where a scale is beyond float16 (|x| > 8.3e6).
 */
export function quantizeQ8_0(values: Float32Array): QuantizedBlocks {
  if (values.length % Q8_0_BLOCK !== 0) {
    throw new QuantizeError("quantizeQ8_0", `a multiple of ${Q8_0_BLOCK} values expected, ${values.length} found`);
  }
  const quantized = new Int8Array(values.length);
  const scales = new Uint16Array(values.length / Q8_0_BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const start = block * Q8_0_BLOCK;
    let largest = 0;
    for (let index = start; index < start + Q8_0_BLOCK; index++) {
      const magnitude = Math.abs(values[index] as number);
      // Written so that NaN is taken too, and kept: ggml would lose it.
      if (!(magnitude <= largest)) largest = magnitude;
      if (Number.isNaN(largest)) break;
    }
    const scale = Math.fround(largest / 127);
    if (!(scale <= MAX_SCALE)) {
      const found = `a block whose largest magnitude is ${largest}`;
      throw new QuantizeError(
        "quantizeQ8_0",
        `${found}, at value ${start}; no float16 scale fits it: keep it as it is`,
      );
    }
    scales[block] = f32ToF16(scale);
    // Below 3e-39 the inverse is infinite; the stored scale is zero there anyway.
    const inverse = scale === 0 ? 0 : Math.min(Math.fround(1 / scale), MAX_F32);
    for (let index = start; index < start + Q8_0_BLOCK; index++) {
      const scaled = Math.fround((values[index] as number) * inverse);
      const rounded = Math.min(Math.floor(Math.abs(scaled) + 0.5), 127);
      quantized[index] = scaled < 0 ? -rounded : rounded;
    }
  }
  return { values: quantized, scales };
}

const MAX_F32 = 3.4028234663852886e38;

/** The numbers that `q8_0` blocks stand for, as many as there are values. */
export function dequantizeQ8_0(blocks: QuantizedBlocks): Float32Array {
  const { values, scales } = blocks;
  const floats = new Float32Array(values.length);
  for (let block = 0; block * Q8_0_BLOCK < values.length; block++) {
    const scale = f16ToF32(scales[block] as number);
    for (let index = block * Q8_0_BLOCK; index < (block + 1) * Q8_0_BLOCK; index++) {
      floats[index] = (values[index] as number) * scale;
    }
  }
  return floats;
}
