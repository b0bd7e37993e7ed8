/**
 * For a single token: the router, and the chosen expert's first matrix.
 *
 *   v = RMSNorm(x);   routes[e] = router[e] · v + routerBias[e];   gate = sigmoid(routes) or softmax(routes)
 *   expert = argmax(gate), the first of equal values;   routes[experts] = gate[expert]
 *   out = gelu(up[expert, :ffn] · v) · (up[expert, ffn:] · v);   not gated: out = gelu(up[expert] · v)
 *
 * For several tokens, which take several experts, and for many experts the same is done by `linear`, `route` and `group`.
 */
import { expectOperand, MAX_SMALL_ROWS, WEIGHT_DTYPES } from "@blackmamba/kernels";
import { defineKernel, ShapeError, type Tensor } from "@blackmamba/tensor";
import type { Gating } from "../route/route.ts";
import { expertUpCpu, expertUpReference } from "./expert-up.reference.ts";
import { expertUpWasm } from "./expert-up.wasm.ts";
import { expertUpShader } from "./expert-up.wgsl.ts";

/** So many experts can be chosen among by every workgroup for itself. */
export const MAX_EXPERTS = MAX_SMALL_ROWS;

/** Operands of {@link expertUp}. */
export type ExpertUpOperands = {
  /** f32 [1, ffn] */
  readonly out: Tensor;
  /** u32 [1] */
  readonly expert: Tensor;
  /** f32 [1, experts + 1]: the router's logits, then the chosen expert's gate */
  readonly routes: Tensor;
  /** f32 [1, hidden] */
  readonly x: Tensor;
  /** f32 [hidden]: the norm's weight */
  readonly norm: Tensor;
  /** [experts, hidden], any float type; at most 16 experts */
  readonly router: Tensor;
  /** f32 [experts] */
  readonly routerBias: Tensor;
  /** [bound experts, 2 · ffn, hidden], the gate's half first, or [bound experts, ffn, hidden] when not gated; any float type */
  readonly up: Tensor;
  /** f32 [experts, 2 · ffn], or [experts, ffn] */
  readonly upBias?: Tensor | undefined;
};

/** Parameters of {@link expertUp}. */
export type ExpertUpParams = {
  readonly gating: Gating;
  /** Whether the first matrix makes a gate beside the values. */
  readonly gated: boolean;
  readonly epsilon: number;
  /** The expert that the first bound matrix of `up` belongs to; of others, `out` is left alone. Default 0. */
  readonly firstExpert?: number | undefined;
};

/** The way into a mixture of experts for a single token (top-1 routing, arXiv 2101.03961; sigmoid gates, arXiv 2402.01771). */
export const expertUp = defineKernel<ExpertUpOperands, ExpertUpParams>({
  name: "expert-up",

  check({ out, expert, routes, x, norm, router, routerBias, up, upBias }, { gated }) {
    const ffn = out.shape[1];
    const [experts, hidden] = router.shape;
    const rows = gated ? 2 * ffn : ffn;
    expectOperand("expert-up", "out", out, ["f32"], [1, undefined]);
    expectOperand("expert-up", "x", x, ["f32"], [1, hidden]);
    expectOperand("expert-up", "router", router, WEIGHT_DTYPES, [undefined, undefined]);
    if (experts > MAX_EXPERTS) {
      throw new ShapeError(
        `expert-up: operand router: expected at most ${MAX_EXPERTS} experts, found ${experts}; use linear and route`,
      );
    }
    expectOperand("expert-up", "expert", expert, ["u32"], [1]);
    expectOperand("expert-up", "routes", routes, ["f32"], [1, experts + 1]);
    expectOperand("expert-up", "norm", norm, ["f32"], [hidden]);
    expectOperand("expert-up", "routerBias", routerBias, ["f32"], [experts]);
    expectOperand("expert-up", "up", up, WEIGHT_DTYPES, [undefined, rows, hidden]);
    expectOperand("expert-up", "upBias", upBias, ["f32"], [experts, rows]);
  },

  shader: expertUpShader,
  reference: expertUpReference,
  cpu: expertUpCpu,
  wasm: expertUpWasm,
});
