/**
 * The ids of one text alone, from whichever device its model is on just now. Where that is lost, the text goes on on the next one: what
 * it has said is read like a prompt, and random numbers are counted on.
 */
import type { DeviceModel } from "../device/device-model.ts";
import type { Recovery, RenewableModel } from "../device/renewable-model.ts";
import type { QueuedIds } from "../forward/choose.ts";
import type { IdSource } from "./generate.ts";
import type { Pace } from "./pace.ts";
import { readPrompt, type TextInputs, TextSequence } from "./text-sequence.ts";

/** One sequence of a model that may be made again. */
export class SequenceIds implements IdSource {
  readonly #signal: AbortSignal | undefined;
  readonly #recovery: Recovery;
  readonly #text: TextSequence;
  #model: DeviceModel;

  static async create(renewable: RenewableModel, inputs: TextInputs): Promise<SequenceIds> {
    return new SequenceIds(await renewable.ready(inputs.signal), renewable.recovery(), inputs);
  }

  private constructor(model: DeviceModel, recovery: Recovery, inputs: TextInputs) {
    this.#model = model;
    this.#recovery = recovery;
    this.#signal = inputs.signal;
    this.#text = new TextSequence(inputs);
  }

  get pace(): Pace {
    const pace = this.#model.paceOf(1);
    // Where the host has to see each token's logits the device cannot run ahead.
    if (!this.#text.look) return pace;
    return { depth: 1, steps: () => 1, note: () => {}, noteOther: (done) => pace.noteOther(done) };
  }

  start(): Promise<QueuedIds> {
    return readPrompt(this.#text, this.#model);
  }

  step(times: number): Promise<QueuedIds> {
    return this.#model.engine.step(this.#text.sequence, times, { look: this.#text.look, signal: this.#signal });
  }

  take(id: number): void {
    this.#text.take(id);
  }

  async recover(error: unknown): Promise<void> {
    const next = await this.#recovery.after(this.#model, error, this.#text.taken, this.#signal);
    await this.#text.free();
    this.#model = next;
  }

  /** Frees the sequence; the state that goes along, if there is one, has then read so many tokens of the text. */
  async end(told: number): Promise<void> {
    await this.#text.end(told);
  }
}
