/**
 * How a quantised tensor lies in a safetensors file, which knows no block formats: as two tensors. `X` holds the values,
 * `X.scales` of type F16 and shape [.., K / 32] one scale for every 32 of them. Of a tensor of shape [.., K], `X` is
 * I8 [.., K] for `q8_0` and U8 [.., K / 2] for `q4_0`, which has two values in a byte.
 */

import { QUANT_BLOCK, type QuantizedDType } from "@blackmamba/tensor";
import { QuantizedPairError } from "../errors.ts";
import type { SafetensorsEntry } from "./safetensors-header.ts";

/** How a type's values are stored. */
interface ValuesFormat {
  /** The format's word. */
  readonly word: string;
  readonly valuesPerByte: number;
}

const VALUES: Readonly<Record<QuantizedDType, ValuesFormat>> = {
  q8_0: { word: "I8", valuesPerByte: 1 },
  q4_0: { word: "U8", valuesPerByte: 2 },
};

/** An entry of the header, less its place in the file. */
export type PairPart = Pick<SafetensorsEntry, "name" | "dtype" | "shape">;

const SCALES = ".scales";

/** The name of the tensor that holds `name`'s scales. */
export function scalesName(name: string): string {
  return `${name}${SCALES}`;
}

/** The name of the tensor whose scales have this name, if it is one of scales. */
export function valuesName(name: string): string | undefined {
  return name.endsWith(SCALES) ? name.slice(0, -SCALES.length) : undefined;
}

/** The two entries of a quantised tensor, the values first. */
export function pairOf(name: string, dtype: QuantizedDType, shape: readonly number[]): readonly [PairPart, PairPart] {
  const { word, valuesPerByte } = VALUES[dtype];
  return [
    { name, dtype: word, shape: dividedRows(shape, valuesPerByte) },
    { name: scalesName(name), dtype: "F16", shape: dividedRows(shape, QUANT_BLOCK) },
  ];
}

/** The type whose values an entry may hold, going by its word alone. */
export function quantizedDType({ dtype }: PairPart): QuantizedDType | undefined {
  return (["q8_0", "q4_0"] as const).find((quantized) => VALUES[quantized].word === dtype);
}

/**
 * The shape of the tensor that the pair makes.
 *
 * Throws `QuantizedPairError` unless `scales` are those of `values`.
 */
export function shapeOfPair(
  source: string,
  dtype: QuantizedDType,
  values: PairPart,
  scales: PairPart | undefined,
): readonly number[] {
  const what = `tensor "${values.name}" is ${values.dtype} [${values.shape.join(", ")}]`;
  const { valuesPerByte } = VALUES[dtype];
  const rowBytes = QUANT_BLOCK / valuesPerByte;
  const row = values.shape[values.shape.length - 1];
  if (row === undefined || row % rowBytes !== 0) {
    throw new QuantizedPairError(source, `${what}; rows of a multiple of ${rowBytes} expected, as ${dtype} has them`);
  }
  const shape = [...values.shape.slice(0, -1), row * valuesPerByte];
  const [, expectedScales] = pairOf(values.name, dtype, shape);
  const expected = `"${expectedScales.name}" of F16 [${expectedScales.shape.join(", ")}] expected beside it`;
  if (!scales) {
    throw new QuantizedPairError(source, `${what}; ${expected}, which is missing. Convert the checkpoint again`);
  }
  if (scales.dtype !== "F16" || scales.shape.join() !== expectedScales.shape.join()) {
    const found = `${scales.dtype} [${scales.shape.join(", ")}] found`;
    throw new QuantizedPairError(source, `${what}; ${expected}, ${found}. Convert the checkpoint again`);
  }
  return shape;
}

function dividedRows(shape: readonly number[], divisor: number): readonly number[] {
  return [...shape.slice(0, -1), (shape[shape.length - 1] as number) / divisor];
}
