/**
 * Texts of a model that decode together, as they are asked for: what a server needs.
 */
import { AbortedError } from "../errors.ts";
import type { BatchTextInputs } from "./batch-text.ts";
import type { GenerateOptions } from "./generate.ts";
import { Scheduler, type SchedulerInputs } from "./scheduler.ts";
import type { GeneratedToken, GenerateResult } from "./token.ts";
import { TokenQueue } from "./token-queue.ts";

/** Options of `model.createBatcher`. */
export interface BatcherOptions {
  /** Most texts that are generated at once; more wait for their turn. Default 32. */
  readonly batchSize?: number | undefined;
}

/** A text that is ready to be begun, and the tokens of its prompt that go before it. */
export interface PreparedText {
  readonly inputs: BatchTextInputs;
  readonly echo: readonly GeneratedToken[];
}

/** Makes a text ready. */
export type PrepareText = (prompt: string | ArrayLike<number>, options: GenerateOptions) => Promise<PreparedText>;

/** Made by `model.createBatcher()`. */
export class Batcher {
  readonly #scheduler: Scheduler;
  readonly #prepare: PrepareText;

  /** @internal */
  constructor(inputs: SchedulerInputs, prepare: PrepareText) {
    this.#scheduler = new Scheduler(inputs);
    this.#prepare = prepare;
  }

  /** Texts that are being read or written. */
  get active(): number {
    return this.#scheduler.active;
  }

  /** Texts that wait for their turn. */
  get waiting(): number {
    return this.#scheduler.waiting;
  }

  /**
   * As `model.generate`, together with all other texts of this batcher: any number of them at once, which begin in the order in which they
   * are asked for. A step of all takes little longer than one of one text. It is computed at the device's pace, not at the reader's;
   * whoever does not want the rest ends the iteration, or aborts it.
   */
  async *generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerateResult, undefined> {
    const { inputs, echo } = await this.#prepare(prompt, options);
    const queue = new TokenQueue();
    const text = this.#scheduler.add(inputs, queue);
    try {
      yield* echo;
      return yield* queue.read();
    } finally {
      text.fail(new AbortedError("the reader has left"));
    }
  }

  /** Ends all texts with a `DisposedError`, and frees everything. Safe to call twice. */
  dispose(): Promise<void> {
    return this.#scheduler.dispose();
  }
}
