/**
 * The Mamba mixer for single tokens, each of a sequence of its own: four kernels. Rather than intermediate results between
 * small ones, each takes along what can be done where its results are made.
 */
import { MAX_WHOLE_VECTOR, norm, recordLinear } from "@blackmamba/kernels";
import { columns, type Program, ShapeError, splitPoints, type Tensor, type TensorAllocator } from "@blackmamba/tensor";
import { inProjStep } from "./in-proj-step/in-proj-step.ts";
import type { MambaOperands, MambaSizes } from "./mamba.ts";
import { scanStep } from "./scan-step/scan-step.ts";

/** Intermediate results; all Mamba layers of a program may share them. */
export interface MambaStepScratch {
  /** f32 [tokens, hidden]; left out for a single token, which the in-projection normalises itself */
  readonly normed?: Tensor | undefined;
  /** f32 [tokens, 2 · inner]: u, whose place the result takes, and z */
  readonly uz: Tensor;
  /** f32 [tokens, dtRank + 2 · state] */
  readonly dtBC: Tensor;
}

/** Allocates intermediate results for up to `tokens` tokens. */
export function createMambaStepScratch(
  allocator: TensorAllocator,
  { hidden, inner, state, dtRank }: MambaSizes,
  tokens: number,
): MambaStepScratch {
  const isNormalised = tokens === 1 && hidden <= MAX_WHOLE_VECTOR;
  return {
    normed: isNormalised ? undefined : allocator.createTensor("f32", [tokens, hidden], "mamba.normed"),
    uz: allocator.createTensor("f32", [tokens, 2 * inner], "mamba.uz"),
    dtBC: allocator.createTensor("f32", [tokens, dtRank + 2 * state], "mamba.dtBC"),
  };
}

/**
 * Records residual += mamba(RMSNorm(residual)), and the step of each token's state: token t belongs to slot t.
 *
 * @throws ShapeError where the in-projection is larger than the device binds at once
 */
export function recordMambaStep(
  program: Program,
  { inner, state: states, dtRank }: MambaSizes,
  { residual, weights, state, epsilon, scratch }: MambaOperands & { readonly scratch: MambaStepScratch },
): void {
  const { normed, uz, dtBC } = scratch;
  const [u, z] = [columns(uz, 0, inner), columns(uz, inner, 2 * inner)];
  if (splitPoints(weights.inProj).length > 2) {
    const { byteLength } = weights.inProj.values;
    const limit = weights.inProj.storage.maxOperandByteLength;
    throw new ShapeError(
      `${weights.inProj.label}: expected at most ${limit} bytes, all that this device binds at once, found ${byteLength}; ` +
        "use a smaller dtype or another device",
    );
  }
  if (normed) program.call(norm, { out: normed, x: residual, weight: weights.norm }, { kind: "rms", epsilon });
  const input = normed ? { x: normed } : { x: residual, norm: weights.norm };
  program.call(
    inProjStep,
    {
      ...{ u, z, ...input, weights: weights.inProj, bias: weights.inProjBias },
      ...{ conv: weights.conv, convBias: weights.convBias, state: state.conv },
    },
    { epsilon },
  );
  recordLinear(program, { out: dtBC, x: u, weights: weights.xProj });
  program.call(
    scanStep,
    {
      ...{ u, z, lowRank: columns(dtBC, 0, dtRank) },
      B: columns(dtBC, dtRank, dtRank + states),
      C: columns(dtBC, dtRank + states, dtRank + 2 * states),
      ...{ dtProj: weights.dtProj, dtBias: weights.dtProjBias, A: weights.A, D: weights.D, state: state.ssm },
    },
    {},
  );
  recordLinear(
    program,
    { out: residual, x: u, weights: weights.outProj, bias: weights.outProjBias },
    { accumulate: true },
  );
}
