/**
 * What a Mamba layer is: its sizes, weights and state. How it is recorded: `mamba-sequence.ts` for tokens that follow each
 * other, `mamba-step.ts` for single tokens.
 *
 * Not here: names of tensors in checkpoints.
 */
import type { Device, Tensor, TensorSpec } from "@blackmamba/tensor";

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
  /** `[hidden]`: of the RMSNorm before the mixer */
  readonly norm: Tensor;
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

/** What a Mamba layer carries from token to token, for one sequence or several: the same size at any length. */
export interface MambaState {
  /** `[slots, taps − 1, inner]`: the convolution's last inputs; left out with one tap */
  readonly conv?: Tensor | undefined;
  /** [slots, inner, state] */
  readonly ssm: Tensor;
}

/**
 * Allocates the empty states, as before the first token, of so many sequences for several layers: together, so that a device binds
 * them together.
 *
 * @param labels - one for each layer
 */
export function createMambaStates(
  allocator: Pick<Device, "createTensors">,
  { inner, state, taps }: MambaSizes,
  labels: readonly string[],
  slots = 1,
): MambaState[] {
  const specs = labels.flatMap((label): TensorSpec[] => [
    ...(taps > 1 ? [{ dtype: "f32" as const, shape: [slots, taps - 1, inner], label: `${label}.conv` }] : []),
    { dtype: "f32", shape: [slots, inner, state], label: `${label}.ssm` },
  ]);
  const tensors = allocator.createTensors(specs).values();
  const next = () => tensors.next().value as Tensor;
  return labels.map(() => ({ conv: taps > 1 ? next() : undefined, ssm: next() }));
}

/** Operands of both ways to record a layer. */
export interface MambaOperands {
  /** f32 [tokens, hidden]: what the mixer works on, and what its result is added to */
  readonly residual: Tensor;
  readonly weights: MambaWeights;
  readonly state: MambaState;
  /** Added to the mean square of the norm. */
  readonly epsilon: number;
}
