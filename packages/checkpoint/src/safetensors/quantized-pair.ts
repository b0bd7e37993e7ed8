/**
 * How a `q8_0` tensor lies in a safetensors file, which knows no block formats: as two tensors. `X` of type I8 and shape
 * [.., K] holds the values, `X.scales` of type F16 and shape [.., K / 32] one scale for every 32 of them.
 */

import { Q8_0_BLOCK } from "@blackmamba/tensor";
import { QuantizedPairError } from "../errors.ts";
import type { SafetensorsEntry } from "./safetensors-header.ts";

/** The name of the tensor that holds `name`'s scales. */
export function scalesName(name: string): string {
  return `${name}.scales`;
}

/** The shape of the scales of a `q8_0` tensor. */
export function scalesShape(shape: readonly number[]): readonly number[] {
  return [...shape.slice(0, -1), (shape[shape.length - 1] as number) / Q8_0_BLOCK];
}

/** Throws `QuantizedPairError` unless `scales` are those of `values`, an I8 tensor. */
export function checkPair(
  source: string,
  values: SafetensorsEntry,
  scales: SafetensorsEntry | undefined,
): asserts scales is SafetensorsEntry {
  const what = `tensor "${values.name}" is I8 [${values.shape.join(", ")}]`;
  const row = values.shape[values.shape.length - 1];
  if (row === undefined || row % Q8_0_BLOCK !== 0) {
    throw new QuantizedPairError(source, `${what}; rows of a multiple of ${Q8_0_BLOCK} expected, as q8_0 has them`);
  }
  const expected = `"${scalesName(values.name)}" of F16 [${scalesShape(values.shape).join(", ")}] expected beside it`;
  if (!scales) {
    throw new QuantizedPairError(source, `${what}; ${expected}, which is missing. Convert the checkpoint again`);
  }
  if (scales.dtype !== "F16" || scales.shape.join() !== scalesShape(values.shape).join()) {
    const found = `${scales.dtype} [${scales.shape.join(", ")}] found`;
    throw new QuantizedPairError(source, `${what}; ${expected}, ${found}. Convert the checkpoint again`);
  }
}
