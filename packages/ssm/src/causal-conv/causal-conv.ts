/**
 * out[t, d] = silu( bias[d] + Σ_{j<K} weight[d, j] · x[t − K + 1 + j, d] )
 *
 * Inputs before the run's first token come from `state`, which afterwards holds the run's last K − 1 inputs.
 */

import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, ShapeError, type Tensor } from "@blackmamba/tensor";
import { causalConvReference } from "./causal-conv.reference.ts";
import { causalConvWasm } from "./causal-conv.wasm.ts";
import { causalConvShader } from "./causal-conv.wgsl.ts";

/** Operands of {@link causalConv}. */
export type CausalConvOperands = {
  /** f32 [tokens, inner] */
  readonly out: Tensor;
  /** f32 [tokens, inner], may be a view of columns */
  readonly x: Tensor;
  /** f32 [inner, taps] */
  readonly weight: Tensor;
  /** f32 [inner] */
  readonly bias: Tensor;
  /** f32 [taps − 1, inner], oldest input first; read and written. Left out with one tap. */
  readonly state?: Tensor | undefined;
};

/** Depthwise causal convolution with SiLU (Mamba, arXiv 2312.00752, section 3.4). */
export const causalConv = defineKernel<CausalConvOperands>({
  name: "causal-conv",

  check({ out, x, weight, bias, state }) {
    const [tokens, inner] = out.shape;
    const taps = weight.shape[1];
    expectOperand("causal-conv", "out", out, ["f32"], [undefined, undefined]);
    expectOperand("causal-conv", "x", x, ["f32"], [tokens, inner], { view: true });
    expectOperand("causal-conv", "weight", weight, ["f32"], [inner, undefined]);
    expectOperand("causal-conv", "bias", bias, ["f32"], [inner]);
    expectOperand("causal-conv", "state", state, ["f32"], [taps - 1, inner]);
    if ((state !== undefined) !== taps > 1) {
      throw new ShapeError(
        `causal-conv: operand state: ${taps} taps keep ${taps - 1} inputs, so it has to be ${taps > 1 ? "given" : "left out"}`,
      );
    }
  },

  shader: causalConvShader,
  reference: causalConvReference,
  wasm: causalConvWasm,
});
