/**
 * `norm-route` in WebAssembly: norm and router; the choice itself is a few numbers.
 */
import { linear, norm as rmsNorm } from "@blackmamba/kernels";
import type { HostOperands, WasmEngine } from "@blackmamba/tensor";
import { routeReference } from "../route/route.reference.ts";
import { logitsOf } from "./logits-of.ts";
import type { NormRouteOperands, NormRouteParams } from "./norm-route.ts";

export function normRouteWasm(
  operands: HostOperands<NormRouteOperands>,
  { gating, epsilon }: NormRouteParams,
  engine: WasmEngine,
): ((tokens: number) => void) | undefined {
  const { normed, expert, routes, x, norm } = operands;
  const normalise = rmsNorm.wasm?.({ out: normed, x, weight: norm, bias: undefined }, { kind: "rms", epsilon }, engine);
  const multiply = linear.wasm?.(logitsOf(operands), {}, engine);
  if (!normalise || !multiply) return undefined;
  return (tokens) => {
    normalise(tokens);
    multiply(tokens);
    routeReference({ expert, routes }, { gating }, tokens);
  };
}
