/**
 * float32 to `q8_0` and back, block by block, bit for bit as ggml's reference does it. Not here: whole tensors, see
 * `quantized-tensor.ts`.
 */

import { f16ToF32, QUANT_BLOCK } from "@blackmamba/tensor";
import { blockCount, extremeOf, inverseOf, type QuantizedBlocks, scaleBits } from "./blocks.ts";

/**
 * Quantises to `q8_0`: scale d = max|x| / 127, value = round(x / d), ties away from zero. As in ggml the values are made
 * with the float32 d, before it is rounded to the float16 that is stored.
 *
 * @param values a multiple of 32
 * @returns one signed byte a value, from -127 to 127
 *
 * Throws `QuantizeError` on another length, on NaN or infinity, and where a scale is beyond float16 (|x| > 8.3e6).
 */
export function quantizeQ8_0(values: Float32Array): QuantizedBlocks & { readonly values: Int8Array } {
  const scales = new Uint16Array(blockCount(values, "quantizeQ8_0"));
  const quantized = new Int8Array(values.length);
  for (let block = 0; block < scales.length; block++) {
    const start = block * QUANT_BLOCK;
    const extreme = extremeOf(values, start);
    const scale = Math.fround(Math.abs(extreme) / 127);
    scales[block] = scaleBits(scale, extreme, start, "quantizeQ8_0");
    const inverse = inverseOf(scale);
    for (let index = start; index < start + QUANT_BLOCK; index++) {
      const scaled = Math.fround((values[index] as number) * inverse);
      const rounded = Math.min(Math.floor(Math.abs(scaled) + 0.5), 127);
      quantized[index] = scaled < 0 ? -rounded : rounded;
    }
  }
  return { values: quantized, scales };
}

/** The numbers that `q8_0` blocks stand for, as many as there are values. */
export function dequantizeQ8_0({ values, scales }: QuantizedBlocks): Float32Array {
  const floats = new Float32Array(values.length);
  for (let block = 0; block * QUANT_BLOCK < floats.length; block++) {
    const scale = f16ToF32(scales[block] as number);
    for (let index = block * QUANT_BLOCK; index < (block + 1) * QUANT_BLOCK; index++) {
      floats[index] = (values[index] as number) * scale;
    }
  }
  return floats;
}
