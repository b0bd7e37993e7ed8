/**
 * float32 to `q4_0` and back, block by block. Scales and values are bit for bit those of ggml's reference; only their
 * order within a block is this project's own, see `DType`. Not here: whole tensors, see `quantized-tensor.ts`.
 */

import { f16ToF32, Q4_0_ZERO, QUANT_BLOCK } from "@blackmamba/tensor";
import { blockCount, extremeOf, inverseOf, type QuantizedBlocks, scaleBits } from "./blocks.ts";

/**
 * Quantises to `q4_0`: scale d = m / −8, where m is the value of largest magnitude; value = min(15, ⌊x / d + 8.5⌋), which
 * stands for (itself − 8) · d. So m itself is met exactly but for the rounding of d, and the scale is negative where m is
 * positive. As in ggml the values are made with the float32 d, before it is rounded to the float16 that is stored.
 *
 * @param values a multiple of 32
 * @returns two values in a byte, the first in its lower half
 *
 * Throws `QuantizeError` on another length, on NaN or infinity, and where a scale is beyond float16 (|x| > 524,032).
 */
export function quantizeQ4_0(values: Float32Array): QuantizedBlocks & { readonly values: Uint8Array } {
  const scales = new Uint16Array(blockCount(values, "quantizeQ4_0"));
  const quantized = new Uint8Array(values.length / 2);
  for (let block = 0; block < scales.length; block++) {
    const start = block * QUANT_BLOCK;
    const extreme = extremeOf(values, start);
    const scale = Math.fround(extreme / -Q4_0_ZERO);
    scales[block] = scaleBits(scale, extreme, start, "quantizeQ4_0");
    const inverse = inverseOf(scale);
    for (let index = start; index < start + QUANT_BLOCK; index += 2) {
      const low = nearest(values[index] as number, inverse);
      quantized[index / 2] = low | (nearest(values[index + 1] as number, inverse) << 4);
    }
  }
  return { values: quantized, scales };
}

/** The stored value. Each step rounds to float32, as C's does. */
export function nearest(value: number, inverse: number): number {
  return Math.min(15, Math.floor(Math.fround(Math.fround(value * inverse) + (Q4_0_ZERO + 0.5))));
}

/** The numbers that `q4_0` blocks stand for, two for each byte. */
export function dequantizeQ4_0({ values, scales }: QuantizedBlocks): Float32Array {
  const floats = new Float32Array(values.length * 2);
  for (let block = 0; block * QUANT_BLOCK < floats.length; block++) {
    const scale = f16ToF32(scales[block] as number);
    for (let index = block * QUANT_BLOCK; index < (block + 1) * QUANT_BLOCK; index += 2) {
      const pair = values[index / 2] as number;
      floats[index] = ((pair & 15) - Q4_0_ZERO) * scale;
      floats[index + 1] = ((pair >>> 4) - Q4_0_ZERO) * scale;
    }
  }
  return floats;
}
