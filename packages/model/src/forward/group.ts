/**
 * Sequences that decode together, each in a slot. Which text is in which slot is for others to know.
 */
import type { SampleKind } from "@blackmamba/kernels";
import type { Device, PreparedProgram, Tensor, TensorPool } from "@blackmamba/tensor";
import { chosenIds, type Look, lookAt } from "./choose.ts";
import type { SamplingTensors } from "./samplers.ts";
import type { Slots } from "./slots.ts";

/** How a step of a group is done. */
export interface GroupStepOptions {
  /** How many tokens each sequence is taken further by. With `looks` one. */
  readonly times: number;
  /** What all samplers have to do, of all sequences. */
  readonly kind: SampleKind;
  /** Who looks at the logits of a slot before its id is chosen, by slot. */
  readonly looks?: ReadonlyMap<number, Look> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a queued step chooses, by slot. */
export interface GroupIds {
  readonly ids: Promise<Uint32Array[]>;
  /** [vocab] each: what the id was chosen of, where it is wanted. */
  readonly logits: readonly (Promise<Float32Array> | undefined)[];
}

/** Made by `engine.createGroup`, which also says when its methods may be called: one after another. */
export class Group {
  readonly pool: TensorPool;
  readonly slots: Slots;
  readonly #device: Device;
  /** Ids that each slot's sequence has chosen; as many as slots are in use, from the first on. */
  readonly #chosen: number[] = [];

  constructor(device: Device, pool: TensorPool, slots: Slots) {
    this.#device = device;
    this.pool = pool;
    this.slots = slots;
  }

  get capacity(): number {
    return this.slots.capacity;
  }

  /** Slots in use. */
  get length(): number {
    return this.#chosen.length;
  }

  /** Gives the next free slot what a sequence has come to, that has chosen so many ids. */
  join(state: readonly Tensor[], sampling: SamplingTensors, chosen: number): void {
    this.slots.enter(this.#chosen.length, state, sampling);
    this.#chosen.push(chosen);
  }

  /** Empties a slot: the last one in use takes its place. */
  leave(slot: number): void {
    const last = this.#chosen.length - 1;
    if (slot !== last) this.slots.enter(slot, this.slots.slotState(last), this.slots.slotSampling(last));
    this.#chosen[slot] = this.#chosen[last] as number;
    this.#chosen.pop();
  }

  /** Moves all to another group that has room for them, and is empty. */
  moveTo(other: Group): void {
    for (const [slot, chosen] of this.#chosen.entries()) {
      other.join(this.slots.slotState(slot), this.slots.slotSampling(slot), chosen);
    }
    this.#chosen.length = 0;
  }

  /** Queues a step of all. */
  async step({ times, kind, looks, signal }: GroupStepOptions): Promise<GroupIds> {
    const { forward } = this.slots;
    const tokens = this.#chosen.length;
    const sampler = await this.slots.sampler(kind);
    const programs = await forward.programs(true);
    signal?.throwIfAborted();
    const logits: (Promise<Float32Array> | undefined)[] = [];
    const run = (list: readonly PreparedProgram[]) => this.#device.run(list, { tokens, times, signal });
    if (looks && looks.size > 0) {
      await run(programs);
      for (const [slot, look] of looks) {
        logits[slot] = (await lookAt(this.#device, forward.last.logits, slot, look)).logits;
      }
      await run([sampler]);
    } else {
      await run([...programs, sampler]);
    }
    const ids = chosenIds(this.slots, this.#chosen, times);
    for (const slot of this.#chosen.keys()) this.#chosen[slot] = (this.#chosen[slot] as number) + times;
    return { ids, logits };
  }
}
