/**
 * The ids of one text that is made with drafts: each run of the model brings those that it confirms, and one more. State goes back to where
 * it was by copying, and reads again what was right.
 */
import type { DeviceModel } from "../device/device-model.ts";
import type { Recovery, RenewableModel } from "../device/renewable-model.ts";
import type { QueuedIds } from "../forward/choose.ts";
import type { Drafter, DraftStatistics } from "./draft/draft.ts";
import type { IdSource } from "./generate.ts";
import type { Pace } from "./pace.ts";
import { readPrompt, type TextInputs, TextSequence } from "./text-sequence.ts";

/** What it takes besides a text's inputs. */
export interface DraftedInputs extends TextInputs {
  readonly drafter: Drafter;
  readonly maxTokens: number;
}

/** One at a time: the next draft depends on what came of the last. */
const PACE: Pace = { depth: 1, steps: () => 1, note: () => {}, noteOther: () => {} };

/** Ids of a text with drafts. */
export class DraftedIds implements IdSource {
  readonly pace = PACE;
  readonly #inputs: DraftedInputs;
  readonly #recovery: Recovery;
  readonly #text: TextSequence;
  #model: DeviceModel;
  #proposed = 0;
  #accepted = 0;
  #runs = 0;

  static async create(renewable: RenewableModel, inputs: DraftedInputs): Promise<DraftedIds> {
    return new DraftedIds(await renewable.ready(inputs.signal), renewable.recovery(), inputs);
  }

  private constructor(model: DeviceModel, recovery: Recovery, inputs: DraftedInputs) {
    this.#model = model;
    this.#recovery = recovery;
    this.#inputs = inputs;
    this.#text = new TextSequence(inputs);
  }

  /** How well the drafts have done so far. */
  get statistics(): DraftStatistics {
    return { proposed: this.#proposed, accepted: this.#accepted, runs: this.#runs };
  }

  start(): Promise<QueuedIds> {
    return readPrompt(this.#text, this.#model);
  }

  async step(): Promise<QueuedIds> {
    const { engine } = this.#model;
    const { drafter, sampling, prompt, signal, maxTokens } = this.#inputs;
    const { sequence, ids } = this.#text;
    // The model itself chooses one more than is drafted.
    const most = Math.min(drafter.tokens, maxTokens - this.#text.taken - 1);
    const draft = most > 0 ? await drafter.propose(ids, most) : [];
    const all = new Uint32Array(ids.length + draft.length);
    all.set(ids);
    all.set(draft, ids.length);
    const last = ids.length - 1;
    const samplings = Array.from({ length: draft.length + 1 }, (_, i) =>
      sampling.of({ ids: all.subarray(0, ids.length + i), promptLength: prompt.length }),
    );
    const before = engine.createSequence();
    try {
      await engine.copySequence(sequence, before);
      const chosen = await engine.verify(sequence, all.subarray(last), samplings, signal);
      let right = 0;
      while (right < draft.length && chosen[right] === draft[right]) right++;
      if (right < draft.length) {
        await engine.copySequence(before, sequence);
        await engine.visit(sequence, all.subarray(last, last + right + 1), {}, signal);
      }
      this.#proposed += draft.length;
      this.#accepted += right;
      this.#runs += 1;
      return { ids: Promise.resolve(chosen.slice(0, right + 1)) };
    } finally {
      await engine.disposeSequence(before);
    }
  }

  take(id: number): void {
    this.#text.take(id);
  }

  async recover(error: unknown): Promise<void> {
    const next = await this.#recovery.after(this.#model, error, this.#text.taken, this.#inputs.signal);
    await this.#text.free();
    this.#model = next;
  }

  async end(told: number): Promise<void> {
    await this.#inputs.drafter.dispose();
    await this.#text.end(told);
  }
}
