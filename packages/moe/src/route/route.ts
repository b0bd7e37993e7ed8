/**
 * gate[t] = sigmoid(logits[t])   or   softmax(logits[t])
 * expert[t] = argmax(gate[t]), the first of equal values;   scale[t] = gate[t, expert[t]]
 */
import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { routeReference } from "./route.reference.ts";
import { routeShader } from "./route.wgsl.ts";

/** Operands of {@link route}. */
export type RouteOperands = {
  /** u32 [tokens] */
  readonly expert: Tensor;
  /** f32 [tokens] */
  readonly scale: Tensor;
  /** f32 [tokens, experts] */
  readonly logits: Tensor;
};

/** How a router's logits become gates. */
export type Gating = "sigmoid" | "softmax";

/** Top-1 routing (softmax gates: Switch Transformer, arXiv 2101.03961; sigmoid gates: arXiv 2402.01771). */
export const route = defineKernel<RouteOperands, { readonly gating: Gating }>({
  name: "route",

  check({ expert, scale, logits }) {
    expectOperand("route", "logits", logits, ["f32"], [undefined, undefined]);
    expectOperand("route", "expert", expert, ["u32"], [logits.shape[0]]);
    expectOperand("route", "scale", scale, ["f32"], [logits.shape[0]]);
  },

  shader: routeShader,
  reference: routeReference,
});
