/**
 * The quantised types by name. Not here: their arithmetic, see `q8-0.ts` and `q4-0.ts`.
 */

import type { QuantizedDType } from "@blackmamba/tensor";
import type { QuantizedBlocks } from "./blocks.ts";
import { dequantizeQ4_0, quantizeQ4_0 } from "./q4-0.ts";
import { dequantizeQ8_0, quantizeQ8_0 } from "./q8-0.ts";

/** How to quantise to each type. The number of values is a multiple of 32. */
export const QUANTIZERS: Readonly<Record<QuantizedDType, (values: Float32Array) => QuantizedBlocks>> = {
  q8_0: quantizeQ8_0,
  q4_0: quantizeQ4_0,
};

/** What blocks of each type stand for. */
export const DEQUANTIZERS: Readonly<Record<QuantizedDType, (blocks: QuantizedBlocks) => Float32Array>> = {
  q8_0: dequantizeQ8_0,
  q4_0: dequantizeQ4_0,
};
