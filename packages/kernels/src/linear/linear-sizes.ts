/**
 * The sizes the shaders of `linear` are written for.
 */
import { rowCount } from "@blackmamba/tensor";
import type { LinearOperands } from "./linear.ts";

/** Inputs and outputs, matrices in the stack, and whether each output is made of two rows, of a call. */
export function linearSizes({ out, x, weights }: LinearOperands): {
  inputs: number;
  outputs: number;
  experts: number;
  paired: boolean;
} {
  const outputs = out.shape[1];
  const experts = weights.shape.length === 3 ? weights.shape[0] : 1;
  return { inputs: x.shape[1], outputs, experts, paired: rowCount(weights) === 2 * outputs * experts };
}

/** The epsilon of every norm of the published models. */
export const DEFAULT_EPSILON = 1e-5;
