/**
 * Places for sequences that decode together: their states side by side, the programs that step all of them by a token, and
 * the samplers that choose each one's next id and feed it back, without the host. Which sequence is in which place is for
 * others to know.
 */
import {
  createSampleScratch,
  createSampleState,
  recordSample,
  type SampleKind,
  type SampleScratch,
  type SampleState,
} from "@blackmamba/kernels";
import { type PreparedProgram, Program, rows, type Tensor } from "@blackmamba/tensor";
import { createForward, type Forward, type ForwardInputs } from "./forward.ts";
import { stateTensors } from "./state.ts";

/** Most steps in one run: the ids of so many are kept on the device until the host reads them. */
export const MAX_RUN_STEPS = 64;

/** What a sequence that is generated has besides its state, and what a slot has of it: see {@link slotTensors}. */
export interface SamplingTensors extends SampleState {
  /** u32 [slots]: the id that was chosen last, which the next step reads */
  readonly next: Tensor;
}

/** So many slots, and what runs over them. */
export class Slots {
  readonly capacity: number;
  /** A token for each slot. */
  readonly forward: Forward;
  readonly sampling: SamplingTensors;
  /** u32 [capacity, MAX_RUN_STEPS]: the last ids of each slot, that of a step at step mod MAX_RUN_STEPS */
  readonly chosen: Tensor;
  readonly #inputs: ForwardInputs;
  readonly #scratch: SampleScratch;
  readonly #samplers = new Map<string, Promise<PreparedProgram>>();

  /** Records the forward pass; `inputs.state` has as many slots. */
  constructor(inputs: ForwardInputs, capacity: number) {
    const { pool, config } = inputs;
    this.capacity = capacity;
    this.forward = createForward(inputs, capacity, "each");
    this.sampling = { ...createSampleState(pool, capacity, config.vocab), next: this.forward.ids };
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
      const { chosen, sampling } = this;
      const operands = { logits: this.forward.last.logits, state: sampling, scratch: this.#scratch, chosen };
      recordSample(program, { ...operands, next: sampling.next }, kind);
      sampler = this.#inputs.device.prepare(program).then((prepared) => this.#inputs.pool.keep(prepared));
      this.#samplers.set(name, sampler);
      sampler.catch(() => this.#samplers.delete(name));
    }
    return sampler;
  }

  /** Programs that step every slot by the token that was chosen last, and choose the next. */
  async stepPrograms(kind: SampleKind): Promise<PreparedProgram[]> {
    return (await Promise.all([this.forward.programs(true), this.sampler(kind)])).flat();
  }

  /** Everything a slot holds of a sequence, as views, in the order of {@link slotTensors}. */
  slot(index: number): Tensor[] {
    return slotTensors(stateTensors(this.#inputs.state), this.sampling).map((tensor) => slotOf(tensor, index));
  }

  /** The states in a slot alone, as views. */
  slotState(index: number): Tensor[] {
    return stateTensors(this.#inputs.state).map((tensor) => slotOf(tensor, index));
  }

  /**
   * Reads back what the runs before have chosen for the first `count` slots; asked for now, and not by what is run later.
   *
   * @returns [count × MAX_RUN_STEPS]
   */
  readChosen(count: number): Promise<Uint32Array> {
    return this.#inputs.device.readU32(this.chosen, count);
  }
}

/** All that is carried from token to token, in a fixed order. */
export function slotTensors(states: readonly Tensor[], sampling: SamplingTensors): Tensor[] {
  return [...states, sampling.settings, sampling.steps, sampling.seen, sampling.next];
}

/** One slot of a tensor, as a view. */
function slotOf(tensor: Tensor, index: number): Tensor {
  if (tensor.shape.length > 1) return rows(tensor, index, index + 1);
  // One number for each slot: a row of its own.
  return rows({ ...tensor, shape: [...tensor.shape, 1], rowStride: 1 }, index, index + 1);
}
