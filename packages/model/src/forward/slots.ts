/**
 * Places for sequences that decode together: their states side by side, the programs that step all of them by a token, and
 * the samplers that choose each one's next id and feed it back, without the host. Which sequence is in which place is for
 * others to know.
 */
import type { SampleAdjustments, SampleKind } from "@blackmamba/kernels";
import { type Device, type PreparedProgram, rows, type Tensor } from "@blackmamba/tensor";
import { createForward, type Forward, type ForwardInputs } from "./forward.ts";
import { Samplers, type SamplingTensors } from "./samplers.ts";
import { stateTensors } from "./state.ts";

/** Most steps in one run: the ids of so many are kept on the device until the host reads them. */
export const MAX_RUN_STEPS = 64;

/** So many slots, and what runs over them. */
export class Slots {
  readonly capacity: number;
  /** A token for each slot. */
  readonly forward: Forward;
  readonly #inputs: ForwardInputs;
  readonly #samplers: Samplers;

  /** Records the forward pass; `inputs.state` has as many slots. */
  constructor(inputs: ForwardInputs, capacity: number) {
    const { device, pool } = inputs;
    this.capacity = capacity;
    this.forward = createForward(inputs, capacity, "each");
    this.#inputs = inputs;
    // The id that was chosen last is what the next step reads.
    const { ids, last } = this.forward;
    this.#samplers = new Samplers({ device, pool, logits: last.logits, next: ids, kept: MAX_RUN_STEPS });
  }

  /** A program that chooses an id for each slot from the logits there are. */
  sampler(kind: SampleKind): Promise<PreparedProgram> {
    return this.#samplers.program(kind);
  }

  /** Gives a slot what a sequence has come to: its state, and how its ids are chosen. */
  enter(index: number, state: readonly Tensor[], sampling: SamplingTensors): void {
    copyAll(this.#inputs.device, state, this.slotState(index));
    this.enterSampling(index, sampling);
  }

  /** Gives a slot how a sequence's ids are chosen. */
  enterSampling(index: number, sampling: SamplingTensors): void {
    const own = this.#samplers.samplingFor({ adjust: sampling.adjustments !== undefined });
    copySampling(this.#inputs.device, sampling, slotOfSampling(own, index));
  }

  /** The states in a slot alone, as views. */
  slotState(index: number): Tensor[] {
    return stateTensors(this.#inputs.state).map((tensor) => slotOf(tensor, index));
  }

  /** How the ids of the sequence in a slot are chosen, as views. */
  slotSampling(index: number): SamplingTensors {
    return slotOfSampling(this.#samplers.samplingFor({ adjust: false }), index);
  }

  /**
   * Reads back what the runs before have chosen for the first `count` slots; asked for now, and not by what is run later.
   *
   * @returns [count × MAX_RUN_STEPS]
   */
  readChosen(count: number): Promise<Uint32Array> {
    return this.#inputs.device.readU32(this.#samplers.chosen, count);
  }
}

/**
 * Copies how ids are chosen. A sequence without adjustments may enter a slot that has some: what is there is of no account to it, as its
 * settings say.
 */
export function copySampling(device: Device, from: SamplingTensors, to: SamplingTensors): void {
  const tensorsOf = ({ settings, steps, next }: SamplingTensors) => [settings, steps, next];
  copyAll(device, tensorsOf(from), tensorsOf(to));
  if (!from.adjustments || !to.adjustments) return;
  const adjustmentsOf = ({ marks, bias }: SampleAdjustments) => [marks, bias];
  copyAll(device, adjustmentsOf(from.adjustments), adjustmentsOf(to.adjustments));
}

/** Copies tensors over others of the same sizes. */
export function copyAll(device: Device, from: readonly Tensor[], to: readonly Tensor[]): void {
  device.copyAll(from.map((tensor, index) => [tensor, to[index] as Tensor]));
}

/** One slot of what ids are chosen by, as views. */
function slotOfSampling({ settings, steps, next, adjustments }: SamplingTensors, index: number): SamplingTensors {
  const part = (tensor: Tensor) => slotOf(tensor, index);
  return {
    settings: part(settings),
    steps: part(steps),
    next: part(next),
    adjustments: adjustments && { marks: part(adjustments.marks), bias: part(adjustments.bias) },
  };
}

/** One slot of a tensor, as a view. */
function slotOf(tensor: Tensor, index: number): Tensor {
  if (tensor.shape.length > 1) return rows(tensor, index, index + 1);
  // One number for each slot: a row of its own.
  return rows({ ...tensor, shape: [...tensor.shape, 1], rowStride: 1 }, index, index + 1);
}
