/**
 * Which of a model's weights change when another float type is asked for. Not here: how, see `@blackmamba/checkpoint`.
 */
import { type Checkpoint, type CheckpointTensor, castTensor, type FloatDType, isFloat } from "@blackmamba/checkpoint";
import { OptionError } from "../errors.ts";
import type { Weight } from "./weight.ts";
import { type ModelTable, weightsOf } from "./weight-table.ts";

/** Throws OptionError unless it is a float type, or nothing. */
export function checkDType(dtype: FloatDType | undefined): void {
  if (dtype !== undefined && !isFloat(dtype)) throw new OptionError("dtype", '"bf16", "f16" or "f32"', dtype);
}

/**
 * The same checkpoint with every tensor in the float type that is not quantised.
 *
 * @param only - `"all"`: vectors too, as published files have them. `"matrices"`: vectors, taps, A and D stay as they are
 */
export function castWeights(
  checkpoint: Checkpoint,
  table: ModelTable<Weight>,
  dtype: FloatDType,
  only: "all" | "matrices",
): Checkpoint {
  const matrices = new Set(weightsOf(table).flatMap(({ form, names }) => (form === "stored" ? names : [])));
  const cast = ([name, tensor]: [string, CheckpointTensor]): [string, CheckpointTensor] => [
    name,
    isFloat(tensor.dtype) && (only === "all" || matrices.has(name)) ? castTensor(tensor, dtype) : tensor,
  ];
  return { ...checkpoint, tensors: new Map([...checkpoint.tensors].map(cast)) };
}
