/**
 * The ids of one text, from whichever device its model is on just now. Where that is lost, the text goes on on the next one: what it
 * has said is read like a prompt, and random numbers are counted on.
 */
import type { DeviceModel } from "../device/device-model.ts";
import type { Recovery, RenewableModel } from "../device/renewable-model.ts";
import type { SampledSequence } from "../forward/engine.ts";
import { TokenIds } from "../token-ids.ts";
import type { ChosenIds, IdSource } from "./generate.ts";
import type { Pace } from "./pace.ts";
import type { Sampling } from "./sampling.ts";

/** One sequence of a model that may be made again. */
export class SequenceIds implements IdSource {
  readonly #sampling: Sampling;
  readonly #signal: AbortSignal | undefined;
  readonly #recovery: Recovery;
  /** The prompt, and what was taken. */
  readonly #ids: TokenIds;
  #taken = 0;
  #model: DeviceModel;
  #sequence: SampledSequence | undefined;

  static async create(
    renewable: RenewableModel,
    prompt: ArrayLike<number>,
    sampling: Sampling,
    signal: AbortSignal | undefined,
  ): Promise<SequenceIds> {
    return new SequenceIds(await renewable.ready(signal), renewable.recovery(), prompt, sampling, signal);
  }

  private constructor(
    model: DeviceModel,
    recovery: Recovery,
    prompt: ArrayLike<number>,
    sampling: Sampling,
    signal: AbortSignal | undefined,
  ) {
    this.#model = model;
    this.#recovery = recovery;
    this.#ids = new TokenIds(prompt);
    this.#sampling = sampling;
    this.#signal = signal;
  }

  get pace(): Pace {
    return this.#model.paceOf(1);
  }

  async start(): Promise<ChosenIds> {
    const { engine } = this.#model;
    this.#sequence = await engine.createSampledSequence(this.#ids.all, this.#sampling, this.#taken);
    return engine.start(this.#sequence, this.#ids.all, this.#signal);
  }

  step(times: number): Promise<ChosenIds> {
    return this.#model.engine.step(this.#sequence as SampledSequence, times, this.#signal);
  }

  take(id: number): void {
    this.#ids.append([id]);
    this.#taken += 1;
  }

  async recover(error: unknown): Promise<void> {
    const next = await this.#recovery.after(this.#model, error, this.#taken, this.#signal);
    await this.dispose();
    this.#model = next;
  }

  /** Frees the sequence. */
  async dispose(): Promise<void> {
    if (this.#sequence) await this.#model.engine.disposeSequence(this.#sequence);
    this.#sequence = undefined;
  }
}
