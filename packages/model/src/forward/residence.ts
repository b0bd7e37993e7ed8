/**
 * The one place where programs of a single sequence find a state. A sequence's state is copied in when it is its turn, and out when
 * another's comes, which costs nothing, not even memory, while there is only one.
 */
import { type Device, rows, type Tensor } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import type { Recordings } from "./recordings.ts";
import type { SamplingTensors } from "./samplers.ts";
import { isSampled, type SampledSequence, type Sequence } from "./sequence.ts";
import { copyAll, copySampling, type Slots } from "./slots.ts";
import { createSequenceState, type SequenceState, stateTensors } from "./state.ts";

/** Whose state is resident, and where the others' are. Calls must not overlap. */
export class Residence {
  readonly state: SequenceState;
  readonly #device: Device;
  readonly #config: ModelConfig;
  readonly #recordings: Recordings;
  readonly #tensors: readonly Tensor[];
  #owner: Sequence | undefined;
  /** What single tokens run in, once it is recorded: the resident sequence's sampler is there. */
  #slot: Slots | undefined;

  constructor(device: Device, config: ModelConfig, recordings: Recordings) {
    this.#device = device;
    this.#config = config;
    this.#recordings = recordings;
    this.state = createSequenceState(recordings.newPool(), config);
    this.#tensors = stateTensors(this.state);
  }

  /** Bytes of the state of any sequence. */
  get byteLength(): number {
    return this.#tensors.reduce((sum, { storage }) => sum + storage.byteLength, 0);
  }

  useSlot(slot: Slots | undefined): void {
    this.#slot = slot;
  }

  /** Puts a sequence's state where the programs find it. */
  async enter(sequence: Sequence): Promise<void> {
    const owner = this.#owner;
    if (owner === sequence) return;
    // One that was left in the middle of a token does not come back.
    if (owner && !owner.broken && !owner.disposed) {
      await this.giveRoom(owner);
      copyAll(this.#device, this.#tensors, stateTensors(owner.state as SequenceState));
      if (isSampled(owner) && this.#slot) copySampling(this.#device, this.#slot.slotSampling(0), owner.sampling);
    }
    this.#owner = undefined;
    if (sequence.state) copyAll(this.#device, stateTensors(sequence.state), this.#tensors);
    else this.#device.clear(...this.#tensors);
    if (isSampled(sequence)) this.#slot?.enterSampling(0, sequence.sampling);
    this.#owner = sequence;
  }

  /** Where the state of a sequence is just now; it has none before its first token. */
  stateOf(sequence: Sequence): readonly Tensor[] {
    return this.#owner === sequence ? this.#tensors : stateTensors(sequence.state as SequenceState);
  }

  /** Where it is how its ids are chosen just now. */
  samplingOf(sequence: SampledSequence): SamplingTensors {
    return this.#owner === sequence && this.#slot ? this.#slot.slotSampling(0) : sequence.sampling;
  }

  /** Keeps what a run of so many tokens has made of the last, where that was elsewhere. */
  keepResidual(residual: Tensor, tokens: number): void {
    const own = this.state.residual;
    if (residual !== own) this.#device.copy(rows(residual, tokens - 1, tokens), own);
  }

  /** What is resident of this sequence, if it is, is not its state any more. */
  leave(sequence: Sequence): void {
    if (this.#owner === sequence) this.#owner = undefined;
  }

  /** Memory of its own for a sequence's state. A GPU says at once whether it had any: what is copied there is nowhere else then. */
  async giveRoom(sequence: Sequence): Promise<SequenceState> {
    if (sequence.state) return sequence.state;
    const state = createSequenceState(sequence.pool, this.#config);
    try {
      await this.#device.settled();
    } catch (error) {
      for (const { storage } of stateTensors(state)) storage.dispose();
      throw await this.#recordings.explain(error, "a sequence beside another", this.byteLength);
    }
    sequence.state = state;
    return state;
  }
}
