/**
 * `norm-route` as the kernels it stands for, one after another: their references, or their twins for the CPU.
 */
import { linear, norm as rmsNorm } from "@blackmamba/kernels";
import type { HostOperands } from "@blackmamba/tensor";
import { routeReference } from "../route/route.reference.ts";
import { logitsOf } from "./logits-of.ts";
import type { NormRouteOperands, NormRouteParams } from "./norm-route.ts";

type Operands = HostOperands<NormRouteOperands>;

export function normRouteReference(operands: Operands, params: NormRouteParams, tokens: number): void {
  normRoute(operands, params, tokens, linear.reference);
}

export function normRouteCpu(operands: Operands, params: NormRouteParams, tokens: number): void {
  normRoute(operands, params, tokens, linear.cpu ?? linear.reference);
}

function normRoute(
  operands: Operands,
  { gating, epsilon }: NormRouteParams,
  tokens: number,
  multiply: typeof linear.reference,
): void {
  const { normed, expert, routes, x, norm } = operands;
  rmsNorm.reference({ out: normed, x, weight: norm, bias: undefined }, { kind: "rms", epsilon }, tokens);
  multiply(logitsOf(operands), {}, tokens);
  routeReference({ expert, routes }, { gating }, tokens);
}
