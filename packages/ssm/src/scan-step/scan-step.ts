/**
 * dt[t, d] = softplus( dtBias[d] + Σ_r dtProj[d, r] · lowRank[t, r] )
 * s[t, d, n] ← exp(dt[t, d] · A[d, n]) · s[t, d, n] + dt[t, d] · u[t, d] · B[t, n]
 * u[t, d] ← ( Σ_n s[t, d, n] · C[t, n] + D[d] · u[t, d] ) · silu(z[t, d])
 *
 * Each token belongs to a sequence of its own, with the state in its row. For prompts, where tokens follow each other, the same
 * is done by `linear` and `selective-scan`.
 */
import { expectOperand, WEIGHT_DTYPES } from "@blackmamba/kernels";
import { defineKernel, ShapeError, type Tensor } from "@blackmamba/tensor";
import { scanStepReference } from "./scan-step.reference.ts";
import { scanStepWasm } from "./scan-step.wasm.ts";
import { scanStepShader } from "./scan-step.wgsl.ts";

/** Operands of {@link scanStep}. */
export type ScanStepOperands = {
  /** f32 [tokens, inner], may be a view of columns: after convolution and SiLU; the result takes its place */
  readonly u: Tensor;
  /** f32 [tokens, inner], may be a view of columns: the gate */
  readonly z: Tensor;
  /** f32 [tokens, dtRank], may be a view of columns */
  readonly lowRank: Tensor;
  /** f32 [tokens, state], may be a view of columns */
  readonly B: Tensor;
  /** f32 [tokens, state], may be a view of columns */
  readonly C: Tensor;
  /** [inner, dtRank], any float type */
  readonly dtProj: Tensor;
  /** f32 [inner] */
  readonly dtBias: Tensor;
  /** f32 [inner, state], negative */
  readonly A: Tensor;
  /** f32 [inner] */
  readonly D: Tensor;
  /** f32 [slots, inner, state], at least as many slots as tokens; read and written */
  readonly state: Tensor;
};

/** One step of the selective state-space model with its time step and gate (Mamba, arXiv 2312.00752, algorithm 2). */
export const scanStep = defineKernel<ScanStepOperands>({
  name: "scan-step",

  check({ u, z, lowRank, B, C, dtProj, dtBias, A, D, state }) {
    const [tokens, inner] = u.shape;
    const states = A.shape[1];
    const perToken = (name: string, tensor: Tensor, width: number | undefined) =>
      expectOperand("scan-step", name, tensor, ["f32"], [tokens, width], { view: true });
    expectOperand("scan-step", "u", u, ["f32"], [undefined, undefined], { view: true });
    perToken("z", z, inner);
    perToken("lowRank", lowRank, undefined);
    expectOperand("scan-step", "A", A, ["f32"], [inner, undefined]);
    perToken("B", B, states);
    perToken("C", C, states);
    expectOperand("scan-step", "dtProj", dtProj, WEIGHT_DTYPES, [inner, lowRank.shape[1]]);
    expectOperand("scan-step", "dtBias", dtBias, ["f32"], [inner]);
    expectOperand("scan-step", "D", D, ["f32"], [inner]);
    expectOperand("scan-step", "state", state, ["f32"], [undefined, inner, states]);
    if (state.shape[0] < tokens) {
      throw new ShapeError(`scan-step: operand state: expected at least ${tokens} slots, found ${state.shape[0]}`);
    }
  },

  shader: scanStepShader,
  reference: scanStepReference,
  wasm: scanStepWasm,
});
