/**
 * How many parameters a model has, and how many of them each token uses: one expert of each mixture.
 */
import { elementCount } from "@blackmamba/tensor";
import type { Weight } from "./weights/weight.ts";

/** Numbers of parameters. */
export interface ParameterCount {
  readonly total: number;
  /** Those a single token is multiplied with. The embedding counts once: it is also the output layer. */
  readonly active: number;
}

/** Counts the parameters of some weights. */
export function countParameters(weights: readonly Weight[]): ParameterCount {
  let [total, active] = [0, 0];
  for (const weight of weights) {
    const elements = elementCount(weight.deviceShape);
    total += elements;
    active += elements / weight.names.length;
  }
  return { total, active };
}
