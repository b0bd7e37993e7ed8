/**
 * Drafts of a smaller model. It draws with the same random numbers as the model that is asked afterwards: where both find the same ids
 * likely, they then choose the same.
 */
import type { DeviceModel } from "../../device/device-model.ts";
import { isLoss, type RenewableModel } from "../../device/renewable-model.ts";
import type { Sequence } from "../../forward/sequence.ts";
import type { Sampling } from "../sampling.ts";
import type { Drafter } from "./draft.ts";

/** What a drafter needs. */
export interface ModelDrafterInputs {
  /** The smaller model. */
  readonly renewable: RenewableModel;
  /** As the text's own. */
  readonly sampling: Sampling;
  readonly promptLength: number;
  readonly tokens: number;
  readonly signal: AbortSignal | undefined;
}

/** Keeps a sequence of its own along with the text. */
export class ModelDrafter implements Drafter {
  readonly tokens: number;
  readonly #inputs: ModelDrafterInputs;
  #model: DeviceModel | undefined;
  /** It has read all of the text but the last id, or less. */
  #known: Sequence | undefined;

  constructor(inputs: ModelDrafterInputs) {
    this.#inputs = inputs;
    this.tokens = inputs.tokens;
  }

  async propose(ids: Uint32Array, most: number): Promise<ArrayLike<number>> {
    const { renewable, signal } = this.#inputs;
    const model = await renewable.ready(signal);
    if (model !== this.#model) await this.dispose();
    this.#model = model;
    try {
      return await this.#draft(model, ids, most);
    } catch (error) {
      // Without a draft the text goes on too; the next one is made by the model's successor.
      if (!isLoss(model, error)) throw error;
      await this.dispose();
      return [];
    }
  }

  async dispose(): Promise<void> {
    const known = this.#known;
    this.#known = undefined;
    if (known) await this.#model?.engine.disposeSequence(known);
  }

  async #draft({ engine }: DeviceModel, ids: Uint32Array, most: number): Promise<Uint32Array> {
    const { sampling, promptLength, signal } = this.#inputs;
    const known = this.#known ?? engine.createSequence();
    this.#known = known;
    const last = ids.length - 1;
    if (last > known.position) await engine.visit(known, ids.subarray(known.position, last), {}, signal);
    const sequence = await engine.createSampledSequence(sampling.of({ ids, promptLength }));
    try {
      await engine.copySequence(known, sequence);
      const runs = [await engine.start(sequence, ids.subarray(last), { signal })];
      if (most > 1) runs.push(await engine.step(sequence, most - 1, { signal }));
      const drafted = await Promise.all(runs.map((run) => run.ids));
      return Uint32Array.from(drafted.flatMap((part) => [...part]));
    } finally {
      await engine.disposeSequence(sequence);
    }
  }
}
