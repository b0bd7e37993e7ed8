/**
 * Which of a model's weights are quantised: the one rule for loading and for converting. Not here: how, see
 * `@blackmamba/checkpoint`.
 */
import { type Checkpoint, type CheckpointTensor, quantizedTensor } from "@blackmamba/checkpoint";
import { type DType, elementCount, QUANT_BLOCK, type QuantizedDType } from "@blackmamba/tensor";
import { OptionError } from "../errors.ts";
import type { Weight } from "./weight.ts";
import { type ModelTable, weightsOf } from "./weight-table.ts";

/** What a tensor may be for it to become each type: all that are larger. */
const LARGER: Readonly<Record<QuantizedDType, readonly DType[]>> = {
  q8_0: ["f32", "f16", "bf16"],
  q4_0: ["f32", "f16", "bf16", "q8_0"],
};

/** Throws OptionError unless it is a quantised type, or nothing. */
export function checkQuantize(quantize: QuantizedDType | undefined): void {
  if (quantize !== undefined && !Object.hasOwn(LARGER, quantize)) {
    throw new OptionError("quantize", '"q8_0" or "q4_0"', quantize);
  }
}

/**
 * The same checkpoint with its large matrices in the quantised type: the embedding, the projections of the Mamba layers
 * but `dt_proj`, and both matrices of every expert. They are quantised whenever their bytes are asked for, chunk by chunk.
 *
 * As they are stay: routers, `dt_proj`, convolutions, A, D, norms and biases; matrices whose rows are no multiple of 32;
 * and what is as small already.
 */
export function quantizedWeights(checkpoint: Checkpoint, table: ModelTable<Weight>, dtype: QuantizedDType): Checkpoint {
  const quantizable = new Set(weightsOf(table).flatMap((weight) => (canQuantize(weight) ? weight.names : [])));
  const quantized = ([name, tensor]: [string, CheckpointTensor]): [string, CheckpointTensor] => {
    const fits = quantizable.has(name) && hasBlocks(tensor.shape) && LARGER[dtype].includes(tensor.dtype);
    return [name, fits ? quantizedTensor(tensor, dtype) : tensor];
  };
  return { ...checkpoint, tensors: new Map([...checkpoint.tensors].map(quantized)) };
}

function canQuantize({ names, shape, turns, quantizable }: Weight): boolean {
  // In a stack each part's scales, 2 bytes for a block, must start at a multiple of 4 bytes.
  const isAligned = names.length === 1 || (elementCount(shape) / turns / QUANT_BLOCK) % 2 === 0;
  return quantizable && isAligned;
}

function hasBlocks(shape: readonly number[]): boolean {
  const row = shape.at(-1);
  return row !== undefined && row % QUANT_BLOCK === 0;
}
