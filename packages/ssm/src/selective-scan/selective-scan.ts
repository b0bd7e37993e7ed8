/**
 * s[d, n] ← exp(dt[t, d] · A[d, n]) · s[d, n] + dt[t, d] · u[t, d] · B[t, n]
 * out[t, d] = ( Σ_n s[d, n] · C[t, n] + D[d] · u[t, d] ) · silu(z[t, d])
 *
 * for t = 0, 1, …, beginning with the state as it is and leaving it as it is after the last token.
 */
import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { selectiveScanReference } from "./selective-scan.reference.ts";
import { selectiveScanWasm } from "./selective-scan.wasm.ts";
import { selectiveScanShader } from "./selective-scan.wgsl.ts";

/** Operands of {@link selectiveScan}. */
export type SelectiveScanOperands = {
  /** f32 [tokens, inner]; may be `u` itself, whose elements are each read before they are written */
  readonly out: Tensor;
  /** f32 [tokens, inner], after convolution and SiLU */
  readonly u: Tensor;
  /** f32 [tokens, inner], may be a view of columns; after softplus */
  readonly dt: Tensor;
  /** f32 [inner, state], negative */
  readonly A: Tensor;
  /** f32 [tokens, state], may be a view of columns */
  readonly B: Tensor;
  /** f32 [tokens, state], may be a view of columns */
  readonly C: Tensor;
  /** f32 [inner] */
  readonly D: Tensor;
  /** f32 [tokens, inner], may be a view of columns: the gate */
  readonly z: Tensor;
  /** f32 [inner, state], read and written */
  readonly state: Tensor;
};

/** The selective state-space recurrence with its gate (Mamba, arXiv 2312.00752, algorithm 2). */
export const selectiveScan = defineKernel<SelectiveScanOperands>({
  name: "selective-scan",

  check({ out, u, dt, A, B, C, D, z, state }) {
    const [tokens, inner] = out.shape;
    const states = A.shape[1];
    const perToken = (name: string, tensor: Tensor, width: number, view: boolean) =>
      expectOperand("selective-scan", name, tensor, ["f32"], [tokens, width], { view });
    expectOperand("selective-scan", "out", out, ["f32"], [undefined, undefined]);
    perToken("u", u, inner, false);
    perToken("dt", dt, inner, true);
    expectOperand("selective-scan", "A", A, ["f32"], [inner, undefined]);
    perToken("B", B, states, true);
    perToken("C", C, states, true);
    expectOperand("selective-scan", "D", D, ["f32"], [inner]);
    perToken("z", z, inner, true);
    expectOperand("selective-scan", "state", state, ["f32"], [inner, states]);
  },

  shader: selectiveScanShader,
  reference: selectiveScanReference,
  wasm: selectiveScanWasm,
});
