/**
 * The Mamba mixer: records its kernel calls. Weights, state and scratch are tensors that someone else owns.
 *
 * Not here: the norm before it, and names of tensors in checkpoints.
 */
import { recordLinear } from "@blackmamba/kernels";
import { columns, type Program, type Tensor, type TensorAllocator } from "@blackmamba/tensor";
import { causalConv } from "./causal-conv/causal-conv.ts";
import { selectiveScan } from "./selective-scan/selective-scan.ts";

/** Sizes of a Mamba layer, in the terms of the paper. */
export interface MambaSizes {
  /** Width of the residual stream. */
  readonly hidden: number;
  /** Channels of the state-space model: expansion · hidden. */
  readonly inner: number;
  /** State per channel. */
  readonly state: number;
  /** Taps of the convolution. */
  readonly taps: number;
  /** Rank of the time step's projection. */
  readonly dtRank: number;
}

/** Weights of a Mamba layer. Matrices may have any float type; vectors, taps and A are f32. */
export interface MambaWeights {
  /** [2 · inner, hidden] */
  readonly inProj: Tensor;
  /** [2 · inner] */
  readonly inProjBias?: Tensor | undefined;
  /** [inner, taps] */
  readonly conv: Tensor;
  /** [inner] */
  readonly convBias: Tensor;
  /** [dtRank + 2 · state, inner] */
  readonly xProj: Tensor;
  /** [inner, dtRank] */
  readonly dtProj: Tensor;
  /** [inner] */
  readonly dtProjBias: Tensor;
  /** `[inner, state]`: −exp(A_log) */
  readonly A: Tensor;
  /** [inner] */
  readonly D: Tensor;
  /** [hidden, inner] */
  readonly outProj: Tensor;
  /** [hidden] */
  readonly outProjBias?: Tensor | undefined;
}

/** What a Mamba layer carries from token to token: the same size at any length. */
export interface MambaState {
  /** `[taps − 1, inner]`: the convolution's last inputs; left out with one tap */
  readonly conv?: Tensor | undefined;
  /** [inner, state] */
  readonly ssm: Tensor;
}

/** Intermediate results; all Mamba layers of a program may share them. */
export interface MambaScratch {
  readonly xz: Tensor;
  readonly u: Tensor;
  readonly dtBC: Tensor;
  readonly dt: Tensor;
  readonly y: Tensor;
}

/** Allocates intermediate results for up to `tokens` tokens. */
export function createMambaScratch(allocator: TensorAllocator, sizes: MambaSizes, tokens: number): MambaScratch {
  const { inner, state, dtRank } = sizes;
  const tensor = (label: string, width: number) => allocator.createTensor("f32", [tokens, width], `mamba.${label}`);
  return {
    xz: tensor("xz", 2 * inner),
    u: tensor("u", inner),
    dtBC: tensor("dtBC", dtRank + 2 * state),
    dt: tensor("dt", inner),
    y: tensor("y", inner),
  };
}

/** Allocates an empty state, as before the first token. */
export function createMambaState(allocator: TensorAllocator, sizes: MambaSizes, label = "mamba"): MambaState {
  const { inner, state, taps } = sizes;
  return {
    conv: taps > 1 ? allocator.createTensor("f32", [taps - 1, inner], `${label}.conv`) : undefined,
    ssm: allocator.createTensor("f32", [inner, state], `${label}.ssm`),
  };
}

/** Operands of {@link recordMamba}. */
export interface MambaOperands {
  /** f32 [tokens, hidden]: the mixer's result is added to it */
  readonly residual: Tensor;
  /** f32 [tokens, hidden]: the normalised input */
  readonly x: Tensor;
  readonly weights: MambaWeights;
  readonly state: MambaState;
  readonly scratch: MambaScratch;
}

/** Records residual += mamba(x), and the step of the state. */
export function recordMamba(program: Program, sizes: MambaSizes, operands: MambaOperands): void {
  const { inner, state: states, dtRank } = sizes;
  const { residual, x, weights, state, scratch } = operands;
  const { xz, u, dtBC, dt, y } = scratch;

  recordLinear(program, { out: xz, x, weights: weights.inProj, bias: weights.inProjBias });
  const convInput = columns(xz, 0, inner);
  const z = columns(xz, inner, 2 * inner);
  program.call(
    causalConv,
    { out: u, x: convInput, weight: weights.conv, bias: weights.convBias, state: state.conv },
    {},
  );

  recordLinear(program, { out: dtBC, x: u, weights: weights.xProj });
  const lowRank = columns(dtBC, 0, dtRank);
  const B = columns(dtBC, dtRank, dtRank + states);
  const C = columns(dtBC, dtRank + states, dtRank + 2 * states);
  const dtProj = { out: dt, x: lowRank, weights: weights.dtProj, bias: weights.dtProjBias };
  recordLinear(program, dtProj, { activation: "softplus" });

  const { A, D } = weights;
  program.call(selectiveScan, { out: y, u, dt, A, B, C, D, z, state: state.ssm }, {});
  const outProj = { out: residual, x: y, weights: weights.outProj, bias: weights.outProjBias };
  recordLinear(program, outProj, { accumulate: true });
}
