/**
 * The element types of GGUF files that this project reads and writes: ggml's numbers and blocks for them. The order of a
 * quantised block's parts differs: ggml keeps each scale before its values, and in Q4_0 elements j and j + 16 share a byte.
 */
import { type DType, QUANT_BLOCK } from "@blackmamba/tensor";

/** A type in a file. */
export interface GgmlType {
  readonly dtype: DType;
  /** ggml's name. */
  readonly name: string;
  /** Elements that are stored together. */
  readonly blockElements: number;
  /** Their bytes. */
  readonly blockByteLength: number;
}

/** By ggml's number. */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map([
  [0, { dtype: "f32", name: "F32", blockElements: 1, blockByteLength: 4 }],
  [1, { dtype: "f16", name: "F16", blockElements: 1, blockByteLength: 2 }],
  [2, { dtype: "q4_0", name: "Q4_0", blockElements: QUANT_BLOCK, blockByteLength: 2 + QUANT_BLOCK / 2 }],
  [8, { dtype: "q8_0", name: "Q8_0", blockElements: QUANT_BLOCK, blockByteLength: 2 + QUANT_BLOCK }],
  [30, { dtype: "bf16", name: "BF16", blockElements: 1, blockByteLength: 2 }],
]);

/** Names of types that are not read, for errors. */
export const OTHER_GGML_TYPES: ReadonlyMap<number, string> = new Map([
  [3, "Q4_1"],
  [6, "Q5_0"],
  [7, "Q5_1"],
  [9, "Q8_1"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [15, "Q8_K"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
]);
