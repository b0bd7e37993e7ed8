/**
 * The sizes both shaders of `linear` are written for.
 */
import { rowCount } from "@blackmamba/tensor";
import type { LinearOperands } from "./linear.ts";

/** Inputs and outputs, and matrices in the stack, of a call. */
export function linearSizes({ out, x, weights }: LinearOperands): {
  inputs: number;
  outputs: number;
  experts: number;
} {
  const outputs = out.shape[1];
  return { inputs: x.shape[1], outputs, experts: rowCount(weights) / outputs };
}
