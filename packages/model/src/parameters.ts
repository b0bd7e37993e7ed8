/**
 * How many parameters a model has, and how many of them each token uses: one expert of each mixture.
 */
import { elementCount, type Tensor } from "@blackmamba/tensor";
import type { Weight } from "./weights/weight.ts";
import type { ModelTable } from "./weights/weight-table.ts";

/** Numbers of parameters, or of their bytes. */
export interface ParameterCount {
  readonly total: number;
  /** Those a single token is multiplied with. An embedding that is also the output layer counts once. */
  readonly active: number;
}

/** Counts the parameters of some weights. */
export function countParameters(weights: readonly Weight[]): ParameterCount {
  let [total, active] = [0, 0];
  for (const weight of weights) {
    const elements = elementCount(weight.deviceShape);
    total += elements;
    active += elements / weight.parts;
  }
  return { total, active };
}

/** Counts the bytes of loaded weights, which have the table's structure. */
export function countBytes(table: ModelTable<Weight>, weights: ModelTable<Tensor>): ParameterCount {
  let [total, active] = [0, 0];
  const visit = (node: unknown, place: unknown): void => {
    if (typeof place !== "object" || place === null) return;
    if ("storage" in place) {
      const { values, scales } = place as Tensor;
      const byteLength = values.byteLength + (scales?.byteLength ?? 0);
      total += byteLength;
      active += byteLength / (node as Weight).parts;
      return;
    }
    for (const [key, value] of Object.entries(place)) visit((node as Record<string, unknown>)[key], value);
  };
  visit(table, weights);
  return { total, active };
}
