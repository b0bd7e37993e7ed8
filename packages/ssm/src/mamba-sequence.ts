/**
 * The Mamba mixer for tokens of one sequence that follow each other: a prompt. Its matrices are multiplied for all tokens at once;
 * only the recurrence goes through them one by one.
 */
import { norm, recordLinear } from "@blackmamba/kernels";
import { columns, type Program, type Tensor, type TensorAllocator } from "@blackmamba/tensor";
import { causalConv } from "./causal-conv/causal-conv.ts";
import type { MambaOperands, MambaSizes } from "./mamba.ts";
import { selectiveScan } from "./selective-scan/selective-scan.ts";

/** Intermediate results; all Mamba layers of a program may share them. */
export interface MambaSequenceScratch {
  /** f32 [tokens, hidden] */
  readonly normed: Tensor;
  /** f32 [tokens, 2 · inner]: the convolution's input, whose place dt takes, and z */
  readonly xz: Tensor;
  /** f32 [tokens, inner], whose place the scan's result takes */
  readonly u: Tensor;
  /** f32 [tokens, dtRank + 2 · state] */
  readonly dtBC: Tensor;
}

/** Allocates intermediate results for up to `tokens` tokens. */
export function createMambaSequenceScratch(
  allocator: TensorAllocator,
  { hidden, inner, state, dtRank }: MambaSizes,
  tokens: number,
): MambaSequenceScratch {
  const tensor = (label: string, width: number) => allocator.createTensor("f32", [tokens, width], `mamba.${label}`);
  return {
    normed: tensor("normed", hidden),
    xz: tensor("xz", 2 * inner),
    u: tensor("u", inner),
    dtBC: tensor("dtBC", dtRank + 2 * state),
  };
}

/** Records residual += mamba(RMSNorm(residual)), and the steps of the state in slot 0. */
export function recordMambaSequence(
  program: Program,
  { inner, state: states, dtRank }: MambaSizes,
  { residual, weights, state, epsilon, scratch }: MambaOperands & { readonly scratch: MambaSequenceScratch },
): void {
  const { normed, xz, u, dtBC } = scratch;

  program.call(norm, { out: normed, x: residual, weight: weights.norm }, { kind: "rms", epsilon });
  recordLinear(program, { out: xz, x: normed, weights: weights.inProj, bias: weights.inProjBias });
  const [x, z] = [columns(xz, 0, inner), columns(xz, inner, 2 * inner)];
  const conv = { weight: weights.conv, bias: weights.convBias, state: state.conv && firstSlot(state.conv) };
  program.call(causalConv, { out: u, x, ...conv }, {});

  recordLinear(program, { out: dtBC, x: u, weights: weights.xProj });
  const lowRank = columns(dtBC, 0, dtRank);
  const B = columns(dtBC, dtRank, dtRank + states);
  const C = columns(dtBC, dtRank + states, dtRank + 2 * states);
  const dt = x; // the convolution has read it
  const dtProj = { out: dt, x: lowRank, weights: weights.dtProj, bias: weights.dtProjBias };
  recordLinear(program, dtProj, { activation: "softplus" });

  const { A, D } = weights;
  program.call(selectiveScan, { out: u, u, dt, A, B, C, D, z, state: firstSlot(state.ssm) }, {});
  const outProj = { out: residual, x: u, weights: weights.outProj, bias: weights.outProjBias };
  recordLinear(program, outProj, { accumulate: true });
}

/** The first entry of the first dimension, without that dimension. */
function firstSlot(tensor: Tensor): Tensor {
  const [slots = 1, ...shape] = tensor.shape;
  return { ...tensor, shape, values: { ...tensor.values, byteLength: tensor.values.byteLength / slots } };
}
