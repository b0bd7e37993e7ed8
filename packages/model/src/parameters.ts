/**
 * How many parameters a model has, and how many of them each token uses: one expert of each mixture.
 */
import { elementCount } from "@blackmamba/tensor";
import type { Weight } from "./weights/weight.ts";
import { type ModelTable, weightsOf } from "./weights/weight-table.ts";

/** Numbers of parameters. */
export interface ParameterCount {
  readonly total: number;
  /** Those a single token is multiplied with. The embedding counts once: it is also the output layer. */
  readonly active: number;
}

/** Counts a whole model's parameters. Optional weights are counted. */
export function countParameters(table: ModelTable<Weight>): ParameterCount {
  return sumParameters(weightsOf(table));
}

/** Counts the parameters of some weights. */
export function sumParameters(weights: readonly Weight[]): ParameterCount {
  let [total, active] = [0, 0];
  for (const weight of weights) {
    const elements = elementCount(weight.deviceShape);
    total += elements;
    active += elements / weight.names.length;
  }
  return { total, active };
}
