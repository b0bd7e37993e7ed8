/**
 * v[t] = W · RMSNorm(x[t]) + bias, the first `inner` of which go through the convolution, the others are the gate:
 *
 *   u[t, d] = silu( convBias[d] + Σ_{j<K−1} conv[d, j] · state[t, j, d] + conv[d, K − 1] · v[t, d] )
 *   z[t, d] = v[t, inner + d]
 *
 * and state[t] moves on by one input. Each token belongs to a sequence of its own, with the state in its row. For prompts, where
 * tokens follow each other, the same is done by `linear` and `causal-conv`.
 */
import { expectOperand, MAX_WHOLE_VECTOR } from "@blackmamba/kernels";
import { defineKernel, ShapeError, type Tensor } from "@blackmamba/tensor";
import { inProjStepCpu, inProjStepReference } from "./in-proj-step.reference.ts";
import { inProjStepWasm } from "./in-proj-step.wasm.ts";
import { inProjStepShader } from "./in-proj-step.wgsl.ts";

/** Operands of {@link inProjStep}. */
export type InProjStepOperands = {
  /** f32 [tokens, inner], may be a view of columns */
  readonly u: Tensor;
  /** f32 [tokens, inner], may be a view of columns */
  readonly z: Tensor;
  /** f32 [tokens, hidden] */
  readonly x: Tensor;
  /** f32 [hidden]: the norm's weight, for a single token of at most 2048 elements; left out where x is normalised */
  readonly norm?: Tensor | undefined;
  /** [2 · inner, hidden], any float type */
  readonly weights: Tensor;
  /** f32 [2 · inner] */
  readonly bias?: Tensor | undefined;
  /** f32 [inner, taps] */
  readonly conv: Tensor;
  /** f32 [inner] */
  readonly convBias: Tensor;
  /** f32 [slots, taps − 1, inner], at least as many slots as tokens, oldest input first; read and written. Left out with one tap. */
  readonly state?: Tensor | undefined;
};

/** Parameters of {@link inProjStep}. */
export type InProjStepParams = { readonly epsilon: number };

/** The way into a Mamba layer for single tokens: norm, in-projection and causal convolution (arXiv 2312.00752, section 3.4). */
export const inProjStep = defineKernel<InProjStepOperands, InProjStepParams>({
  name: "in-proj-step",

  check({ u, z, x, norm, weights, bias, conv, convBias, state }) {
    const [tokens, inner] = u.shape;
    const hidden = x.shape[1];
    const taps = conv.shape[1];
    expectOperand("in-proj-step", "u", u, ["f32"], [undefined, undefined], { view: true });
    expectOperand("in-proj-step", "z", z, ["f32"], [tokens, inner], { view: true });
    expectOperand("in-proj-step", "x", x, ["f32"], [tokens, undefined]);
    expectOperand("in-proj-step", "norm", norm, ["f32"], [hidden]);
    expectOperand("in-proj-step", "weights", weights, ["f32", "f16", "bf16", "q8_0", "q4_0"], [2 * inner, hidden]);
    expectOperand("in-proj-step", "bias", bias, ["f32"], [2 * inner]);
    expectOperand("in-proj-step", "conv", conv, ["f32"], [inner, undefined]);
    expectOperand("in-proj-step", "convBias", convBias, ["f32"], [inner]);
    expectOperand("in-proj-step", "state", state, ["f32"], [undefined, taps - 1, inner]);
    if (norm && (tokens > 1 || hidden > MAX_WHOLE_VECTOR)) {
      throw new ShapeError(
        `in-proj-step: operand norm: expected one token of at most ${MAX_WHOLE_VECTOR} elements, found ${tokens} of ${hidden}; ` +
          "normalise beforehand",
      );
    }
    const slots = state?.shape[0] ?? 0;
    if (taps > 1 && slots < tokens) {
      throw new ShapeError(
        `in-proj-step: operand state: ${taps} taps and ${tokens} tokens need shape [${tokens} or more, ${taps - 1}, ${inner}], ` +
          `found ${state ? `[${state.shape.join(", ")}]` : "nothing"}`,
      );
    }
  },

  shader: inProjStepShader,
  reference: inProjStepReference,
  cpu: inProjStepCpu,
  wasm: inProjStepWasm,
});
