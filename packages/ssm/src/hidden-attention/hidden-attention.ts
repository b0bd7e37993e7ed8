/**
 * out[t, s] = mean over d, n of   C[t, n] · exp( A[d, n] · Σ_{s < k ≤ t} dt[k, d] ) · dt[s, d] · B[s, n]   for s ≤ t, else 0
 *
 * Unrolled, the scan is y[t, d] = Σ_{s ≤ t} Σ_n (…) · u[s, d]: attention of token t to the tokens before it and to itself.
 */
import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { hiddenAttentionReference } from "./hidden-attention.reference.ts";
import { hiddenAttentionWasm } from "./hidden-attention.wasm.ts";
import { hiddenAttentionShader } from "./hidden-attention.wgsl.ts";

/** Operands of {@link hiddenAttention}. */
export type HiddenAttentionOperands = {
  /** f32 [tokens, columns], may be a view of columns. Column s is what token s gives; there may be fewer columns than tokens */
  readonly out: Tensor;
  /** f32 [tokens, inner], may be a view of columns; after softplus */
  readonly dt: Tensor;
  /** f32 [inner, state], negative */
  readonly A: Tensor;
  /** f32 [tokens, state], may be a view of columns */
  readonly B: Tensor;
  /** f32 [tokens, state], may be a view of columns */
  readonly C: Tensor;
};

/**
 * The attention matrix that a Mamba layer's scan amounts to ("The Hidden Attention of Mamba Models", arXiv 2403.01590), from the
 * scan's own operands. It has the signs of B and C, and its rows do not add up to 1. Without the convolution before the scan, the
 * skip D · u and the gate.
 *
 * It is the mean over channels and states. The product with C adds up over states, so times `state` it is the mean over channels of
 * the paper's matrices, of which there is one per channel.
 *
 * Rows are those of a text's tokens from the first column's on. For columns from `first` on, give the operands' rows from `first`
 * on: earlier tokens have no part in them.
 */
export const hiddenAttention = defineKernel<HiddenAttentionOperands>({
  name: "hidden-attention",

  check({ out, dt, A, B, C }) {
    const [tokens, inner] = dt.shape;
    const states = A.shape[1];
    const operand = (name: string, tensor: Tensor, shape: readonly (number | undefined)[], view: boolean) =>
      expectOperand("hidden-attention", name, tensor, ["f32"], shape, { view });
    operand("dt", dt, [undefined, undefined], true);
    operand("out", out, [tokens, undefined], true);
    operand("A", A, [inner, undefined], false);
    operand("B", B, [tokens, states], true);
    operand("C", C, [tokens, states], true);
  },

  shader: hiddenAttentionShader,
  reference: hiddenAttentionReference,
  wasm: hiddenAttentionWasm,
});
