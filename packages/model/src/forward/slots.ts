/**
 * Places for sequences that decode together: their states side by side, the programs that step all of them by a token, and
 * the samplers that choose each one's next id and feed it back, without the host. Which sequence is in which place is for
 * others to know.
 */
import {
  createAdjustments,
  createSampleScratch,
  createSampleState,
  recordSample,
  type SampleAdjustments,
  type SampleKind,
  type SampleScratch,
  type SampleState,
} from "@blackmamba/kernels";
import { type Device, type PreparedProgram, Program, rows, type Tensor } from "@blackmamba/tensor";
import { createForward, type Forward, type ForwardInputs } from "./forward.ts";
import { stateTensors } from "./state.ts";

/** Most steps in one run: the ids of so many are kept on the device until the host reads them. */
export const MAX_RUN_STEPS = 64;

/** What a sequence that is generated has besides its state, and what a slot has of it. */
export interface SamplingTensors extends SampleState {
  /** u32 [slots]: the id that was chosen last, which the next step reads */
  readonly next: Tensor;
  /** What is known of each id of the vocabulary; only where a sampler wants it. */
  readonly adjustments: SampleAdjustments | undefined;
}

/** So many slots, and what runs over them. */
export class Slots {
  readonly capacity: number;
  /** A token for each slot. */
  readonly forward: Forward;
  /** u32 [capacity, MAX_RUN_STEPS]: the last ids of each slot, that of a step at step mod MAX_RUN_STEPS */
  readonly chosen: Tensor;
  readonly #inputs: ForwardInputs;
  #sampling: SamplingTensors;
  readonly #scratch: SampleScratch;
  readonly #samplers = new Map<string, Promise<PreparedProgram>>();

  /** Records the forward pass; `inputs.state` has as many slots. */
  constructor(inputs: ForwardInputs, capacity: number) {
    const { pool, config } = inputs;
    this.capacity = capacity;
    this.forward = createForward(inputs, capacity, "each");
    this.#sampling = { ...createSampleState(pool, capacity), next: this.forward.ids, adjustments: undefined };
    this.chosen = pool.createTensor("u32", [capacity, MAX_RUN_STEPS], "chosen ids");
    this.#inputs = inputs;
    this.#scratch = createSampleScratch(pool, capacity, config.vocab);
  }

  /** Programs that choose an id from the logits there are. */
  async sampler(kind: SampleKind): Promise<PreparedProgram> {
    const name = JSON.stringify(kind);
    let sampler = this.#samplers.get(name);
    if (!sampler) {
      const program = new Program("sample");
      const { adjustments, next, ...state } = this.#samplingFor(kind);
      const operands = { logits: this.forward.last.logits, state, scratch: this.#scratch, chosen: this.chosen };
      recordSample(program, { ...operands, next, adjustments }, kind);
      sampler = this.#inputs.device.prepare(program).then((prepared) => this.#inputs.pool.keep(prepared));
      this.#samplers.set(name, sampler);
      sampler.catch(() => this.#samplers.delete(name));
    }
    return sampler;
  }

  /** Gives a slot what a sequence has come to: its state, and how its ids are chosen. */
  enter(index: number, state: readonly Tensor[], sampling: SamplingTensors): void {
    copyAll(this.#inputs.device, state, this.slotState(index));
    this.enterSampling(index, sampling);
  }

  /** Gives a slot how a sequence's ids are chosen. */
  enterSampling(index: number, sampling: SamplingTensors): void {
    this.#samplingFor({ adjust: sampling.adjustments !== undefined });
    copySampling(this.#inputs.device, sampling, this.slotSampling(index));
  }

  /** The states in a slot alone, as views. */
  slotState(index: number): Tensor[] {
    return stateTensors(this.#inputs.state).map((tensor) => slotOf(tensor, index));
  }

  /** How the ids of the sequence in a slot are chosen, as views. */
  slotSampling(index: number): SamplingTensors {
    const { settings, steps, next, adjustments } = this.#sampling;
    const part = (tensor: Tensor) => slotOf(tensor, index);
    return {
      settings: part(settings),
      steps: part(steps),
      next: part(next),
      adjustments: adjustments && { marks: part(adjustments.marks), bias: part(adjustments.bias) },
    };
  }

  /**
   * Reads back what the runs before have chosen for the first `count` slots; asked for now, and not by what is run later.
   *
   * @returns [count × MAX_RUN_STEPS]
   */
  readChosen(count: number): Promise<Uint32Array> {
    return this.#inputs.device.readU32(this.chosen, count);
  }

  /** What samplers of a kind work on: the first that adjusts logits has what it needs for that made. */
  #samplingFor({ adjust }: Pick<SampleKind, "adjust">): SamplingTensors {
    if (adjust && !this.#sampling.adjustments) {
      const { pool, config } = this.#inputs;
      this.#sampling = { ...this.#sampling, adjustments: createAdjustments(pool, this.capacity, config.vocab) };
    }
    return this.#sampling;
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

/** One slot of a tensor, as a view. */
function slotOf(tensor: Tensor, index: number): Tensor {
  if (tensor.shape.length > 1) return rows(tensor, index, index + 1);
  // One number for each slot: a row of its own.
  return rows({ ...tensor, shape: [...tensor.shape, 1], rowStride: 1 }, index, index + 1);
}
