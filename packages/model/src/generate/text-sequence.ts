/**
 * A text's sequence on a device: reads the prompt, and what the text has said before where it begins again on another device, and leaves
 * a state at the text's end.
 */
import type { DeviceModel } from "../device/device-model.ts";
import { isLoss } from "../device/renewable-model.ts";
import type { Look, QueuedIds } from "../forward/choose.ts";
import type { SampledSequence, Sequence } from "../forward/sequence.ts";
import { TokenIds } from "../token-ids.ts";
import type { LogitWork } from "./processors.ts";
import { PromptReading, type PromptStart } from "./prompt-reading.ts";
import type { Sampling } from "./sampling.ts";

/** What a text is made of. */
export interface TextInputs {
  readonly prompt: ArrayLike<number>;
  readonly start: PromptStart;
  readonly sampling: Sampling;
  readonly logitWork: LogitWork;
  readonly signal: AbortSignal | undefined;
}

/** What was read of a prompt. */
export interface PromptPart {
  readonly tokens: number;
  /** The first id, queued, once all is read. */
  readonly first: QueuedIds | undefined;
}

/** One text's. */
export class TextSequence {
  readonly #inputs: TextInputs;
  /** The prompt, and what was taken. */
  readonly #ids: TokenIds;
  #model: DeviceModel | undefined;
  #reading: PromptReading | undefined;
  #sequence: SampledSequence | undefined;
  /** Where it was when all there was had been read: kept for a state that goes along. */
  #begun: Sequence | undefined;
  #isBegun = false;

  constructor(inputs: TextInputs) {
    this.#inputs = inputs;
    this.#ids = new TokenIds(inputs.prompt);
  }

  /** The prompt, and what was taken; a view. */
  get ids(): Uint32Array {
    return this.#ids.all;
  }

  /** Ids that became a part of the text. */
  get taken(): number {
    return this.#ids.length - this.#inputs.prompt.length;
  }

  /** What has to be done with the logits of the next id. */
  get look(): Look | undefined {
    return this.#inputs.logitWork.look(this.#ids, this.#inputs.prompt.length);
  }

  get kind() {
    return this.#inputs.sampling.kind;
  }

  /** The one that is sampled, once its prompt is read, and until it is freed. */
  get sequence(): SampledSequence {
    return this.#sequence as SampledSequence;
  }

  /** Tells an id that became a part of the text. */
  take(id: number): void {
    this.#ids.append([id]);
  }

  /** Reads at most so many tokens of what there is to be read, on a model that is the same until all is. */
  async read(model: DeviceModel, most: number): Promise<PromptPart> {
    const { engine } = model;
    const { start, signal } = this.#inputs;
    this.#model = model;
    const sequence = this.#sequence ?? (await engine.createSampledSequence(this.#sampling));
    this.#sequence = sequence;
    if (!this.#reading) {
      // What was taken since is no prompt that might come again.
      const from = this.taken > 0 ? { state: start.state } : start;
      this.#reading = await PromptReading.begin(model, sequence, this.#ids.all.slice(), from, signal);
    }
    const { left } = this.#reading;
    const last = await this.#reading.read(most, signal);
    if (!last) return { tokens: left - this.#reading.left, first: undefined };
    const first = await engine.start(sequence, last, { look: this.look, signal });
    first.ids.catch(() => {}); // thrown where they are waited for
    // The copy comes before what is asked for next, and the text goes on without it where there is no room.
    this.#reading.end().catch(() => {});
    this.#isBegun = true;
    if (start.state) {
      this.#begun = engine.createSequence();
      await engine.copySequence(sequence, this.#begun);
    }
    return { tokens: left, first };
  }

  /** Frees all but what the state will be made of: another has taken the sequence over. */
  async leave(): Promise<void> {
    const sequence = this.#sequence;
    this.#sequence = undefined;
    this.#reading = undefined;
    if (sequence) await this.#model?.engine.disposeSequence(sequence);
  }

  /** Frees everything; it may be read again from the beginning. */
  async free(): Promise<void> {
    await this.leave();
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun) await this.#model?.engine.disposeSequence(begun);
  }

  /** Frees everything, and leaves the state that goes along after so many tokens of the text: where it was if the prompt was not read. */
  async end(told: number): Promise<void> {
    const { state } = this.#inputs.start;
    try {
      if (!state || !this.#model || !this.#isBegun) return;
      await state.replace(this.#idsUpTo(told), this.#model, await this.#stateAfter(this.#model, told));
    } finally {
      await this.free();
      state?.release();
    }
  }

  get #sampling() {
    const { sampling, prompt } = this.#inputs;
    return sampling.of({ ids: this.#ids.all, promptLength: prompt.length });
  }

  #idsUpTo(told: number): Uint32Array {
    return this.#ids.all.slice(0, this.#inputs.prompt.length + told);
  }

  /** A sequence that has read the prompt and so many tokens of the text; none where that failed with the device. */
  async #stateAfter(model: DeviceModel, told: number): Promise<Sequence | undefined> {
    const { engine } = model;
    const begun = this.#begun;
    if (!begun) return undefined;
    const ids = this.#idsUpTo(told);
    const position = (this.#inputs.start.state?.position ?? 0) + ids.length;
    // Of a device that has not run ahead, the text's own: only the last token is still to be read.
    const own = this.#sequence;
    const from = own && !own.broken && own.position === position - 1 ? own : begun;
    if (from.position > position) return undefined;
    const after = engine.createSequence();
    try {
      await engine.copySequence(from, after);
      const rest = ids.subarray(ids.length - (position - from.position));
      if (rest.length > 0) await engine.visit(after, rest, {});
      return after;
    } catch (error) {
      await engine.disposeSequence(after);
      if (isLoss(model, error)) return undefined;
      throw error;
    }
  }
}

/** Reads all of a prompt at once, and chooses the first id. */
export async function readPrompt(text: TextSequence, model: DeviceModel): Promise<QueuedIds> {
  for (;;) {
    const { first } = await text.read(model, Number.POSITIVE_INFINITY);
    if (first) return first;
  }
}
