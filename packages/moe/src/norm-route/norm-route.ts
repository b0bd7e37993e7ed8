/**
 * For several tokens: the norm before the experts, the router and the choice.
 *
 *   normed[t] = x[t] / sqrt(mean(x[t]²) + ε) · norm
 *   routes[t, e] = router[e] · normed[t] + routerBias[e];   gate = sigmoid(routes[t]) or softmax(routes[t])
 *   expert[t] = argmax(gate), the first of equal values;   routes[t, experts] = gate[expert[t]]
 *
 * For a single token `expert-up` does this and more; for longer vectors and many experts `norm`, `linear` and `route` do it.
 */
import { expectOperand, MAX_SMALL_ROWS, MAX_WHOLE_VECTOR, WEIGHT_DTYPES } from "@blackmamba/kernels";
import { defineKernel, ShapeError, type Tensor } from "@blackmamba/tensor";
import type { Gating } from "../route/route.ts";
import { normRouteCpu, normRouteReference } from "./norm-route.reference.ts";
import { normRouteWasm } from "./norm-route.wasm.ts";
import { normRouteShader } from "./norm-route.wgsl.ts";

/** Operands of {@link normRoute}. */
export type NormRouteOperands = {
  /** f32 [tokens, hidden] */
  readonly normed: Tensor;
  /** u32 [tokens] */
  readonly expert: Tensor;
  /** f32 [tokens, experts + 1]: the router's logits, then the chosen expert's gate */
  readonly routes: Tensor;
  /** f32 [tokens, hidden]; at most 2048 elements */
  readonly x: Tensor;
  /** f32 [hidden]: the norm's weight */
  readonly norm: Tensor;
  /** [experts, hidden], any float type; at most 16 experts */
  readonly router: Tensor;
  /** f32 [experts] */
  readonly routerBias: Tensor;
};

/** Parameters of {@link normRoute}. */
export type NormRouteParams = { readonly gating: Gating; readonly epsilon: number };

/** Whether {@link normRoute} takes such sizes. */
export function canNormRoute(hidden: number, experts: number): boolean {
  return hidden <= MAX_WHOLE_VECTOR && experts <= MAX_SMALL_ROWS;
}

/** RMSNorm and top-1 routing (arXiv 2101.03961; sigmoid gates, arXiv 2402.01771). */
export const normRoute = defineKernel<NormRouteOperands, NormRouteParams>({
  name: "norm-route",

  check({ normed, expert, routes, x, norm, router, routerBias }) {
    const [tokens, hidden] = x.shape;
    const experts = router.shape[0];
    expectOperand("norm-route", "x", x, ["f32"], [undefined, undefined]);
    expectOperand("norm-route", "normed", normed, ["f32"], [tokens, hidden]);
    expectOperand("norm-route", "router", router, WEIGHT_DTYPES, [undefined, hidden]);
    expectOperand("norm-route", "expert", expert, ["u32"], [tokens]);
    expectOperand("norm-route", "routes", routes, ["f32"], [tokens, experts + 1]);
    expectOperand("norm-route", "norm", norm, ["f32"], [hidden]);
    expectOperand("norm-route", "routerBias", routerBias, ["f32"], [experts]);
    if (!canNormRoute(hidden, experts)) {
      throw new ShapeError(
        `norm-route: operand router: expected at most ${MAX_SMALL_ROWS} experts and ${MAX_WHOLE_VECTOR} elements, found ` +
          `${experts} and ${hidden}; use norm, linear and route`,
      );
    }
  },

  shader: normRouteShader,
  reference: normRouteReference,
  cpu: normRouteCpu,
  wasm: normRouteWasm,
});
