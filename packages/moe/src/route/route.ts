/**
 * gate[t] = sigmoid(routes[t, :experts])   or   softmax(routes[t, :experts])
 * expert[t] = argmax(gate[t]), the first of equal values;   routes[t, experts] = gate[t, expert[t]]
 */
import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { routeReference } from "./route.reference.ts";
import { routeShader } from "./route.wgsl.ts";

/** Operands of {@link route}. */
export type RouteOperands = {
  /** u32 [tokens] */
  readonly expert: Tensor;
  /** f32 [tokens, experts + 1]: the router's logits; the chosen expert's gate is written behind them */
  readonly routes: Tensor;
};

/** How a router's logits become gates. */
export type Gating = "sigmoid" | "softmax";

/** Top-1 routing (softmax gates: Switch Transformer, arXiv 2101.03961; sigmoid gates: arXiv 2402.01771). */
export const route = defineKernel<RouteOperands, { readonly gating: Gating }>({
  name: "route",

  check({ expert, routes }) {
    expectOperand("route", "routes", routes, ["f32"], [undefined, undefined]);
    expectOperand("route", "expert", expert, ["u32"], [routes.shape[0]]);
  },

  shader: routeShader,
  reference: routeReference,
});
