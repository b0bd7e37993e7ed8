/**
 * A text's place in a model: where its state is, and how its ids are chosen. Who runs it is in `engine.ts`.
 */
import type { SampleKind } from "@blackmamba/kernels";
import type { TensorPool } from "@blackmamba/tensor";
import type { SamplingTensors } from "./samplers.ts";
import type { SequenceState } from "./state.ts";

/** A sequence in progress. */
export interface Sequence {
  /** Where its state is while another's is resident: made when that first comes about. Before its first token it has none. */
  state: SequenceState | undefined;
  readonly pool: TensorPool;
  /** Tokens consumed so far. */
  position: number;
  /** Set while a chunk is under way, and left so when it fails: then the state is in the middle of a token. */
  broken: boolean;
  disposed: boolean;
}

/** How the ids of a sequence are chosen that has come so far. */
export interface SequenceSampling {
  readonly kind: SampleKind;
  /** As `encodeSettings` makes them. */
  readonly settings: Uint32Array;
  /** Ids chosen so far: random numbers are counted on. */
  readonly chosen: number;
  /** u32 [vocab]: what the text and its prompt have of each id; of kinds that adjust logits. */
  readonly marks: Uint32Array | undefined;
  /** f32 [vocab]; `undefined` for none */
  readonly bias: Float32Array | undefined;
}

/** A sequence whose ids are chosen on the device. */
export interface SampledSequence extends Sequence {
  readonly sampling: SamplingTensors;
  readonly kind: SampleKind;
  /** Ids that were chosen so far, or will be once the device has done what is queued. */
  chosen: number;
}

/** Whether a sequence's ids are chosen on the device. */
export function isSampled(sequence: Sequence): sequence is SampledSequence {
  return "sampling" in sequence;
}
