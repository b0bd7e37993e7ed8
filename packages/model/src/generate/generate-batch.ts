/**
 * Texts that are generated together: a step of the device is one token of each. Which text is in which slot changes as texts
 * end and waiting prompts take their place; what a text says does not depend on it.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { DeviceModel } from "../device/device-model.ts";
import type { Recovery, RenewableModel } from "../device/renewable-model.ts";
import type { Group } from "../forward/engine.ts";
import { TokenIds } from "../token-ids.ts";
import type { GenerateOptions, TextLimits } from "./generate.ts";
import type { Pace } from "./pace.ts";
import { checkChosen, type Sampling } from "./sampling.ts";
import { GeneratedText, type GeneratedToken } from "./text.ts";

/** Options of `generateBatch`. */
export interface GenerateBatchOptions extends GenerateOptions {
  /** Most texts that are generated at once; more prompts wait for their turn. Default 32. */
  readonly batchSize?: number | undefined;
}

/** One generated token of a batch. */
export interface BatchToken extends GeneratedToken {
  /** Which prompt it continues. */
  readonly index: number;
}

/** What generation needs of a model. */
export interface GenerateBatchInputs {
  readonly renewable: RenewableModel;
  readonly prompts: readonly ArrayLike<number>[];
  readonly samplingOf: (index: number) => Sampling;
  readonly tokenizer: Tokenizer | undefined;
  readonly batchSize: number;
}

/** A text in progress. */
interface BatchText {
  readonly index: number;
  readonly text: GeneratedText;
  /** The prompt, and the ids that have come. */
  readonly ids: TokenIds;
  /** Ids that the device was asked for, and those that have come. */
  queued: number;
  taken: number;
  ended: boolean;
}

/** A run under way: the ids of each text, in the order of `texts`. */
interface BatchRun {
  readonly texts: readonly BatchText[];
  readonly ids: Promise<Uint32Array[]>;
  /** Whether it stepped the group, rather than read a prompt. */
  readonly isStep: boolean;
}

/** Steps that have to be left for it to pay to record programs for fewer texts. */
const MIN_STEPS_TO_SHRINK = 32;

/** Continues every prompt; tokens come in the order in which the device makes them. */
export async function* generateBatchTokens(
  inputs: GenerateBatchInputs,
  limits: TextLimits,
  signal: AbortSignal | undefined,
): AsyncGenerator<BatchToken, void, undefined> {
  if (inputs.prompts.length === 0 || limits.maxTokens === 0) return;
  const batch = new Batch(await inputs.renewable.ready(signal), inputs, limits, signal);
  try {
    yield* batch.tokens();
  } finally {
    await batch.dispose();
  }
}

class Batch {
  readonly #inputs: GenerateBatchInputs;
  readonly #limits: TextLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #recovery: Recovery;
  #model: DeviceModel;
  #group: Group | undefined;
  /** The texts in the group's slots, in order. */
  #texts: BatchText[] = [];
  /** Prompts that were begun. */
  #begun = 0;
  /** Texts of these that have not ended, and those that have to be started again. */
  readonly #unfinished = new Set<BatchText>();
  #again: BatchText[] = [];
  #taken = 0;
  #runs: BatchRun[] = [];

  constructor(model: DeviceModel, inputs: GenerateBatchInputs, limits: TextLimits, signal: AbortSignal | undefined) {
    this.#model = model;
    this.#inputs = inputs;
    this.#limits = limits;
    this.#signal = signal;
    this.#recovery = inputs.renewable.recovery();
  }

  async *tokens(): AsyncGenerator<BatchToken, void, undefined> {
    for (;;) {
      let run: BatchRun | undefined;
      let ids: Uint32Array[];
      try {
        await this.#keepBusy();
        run = this.#runs.shift();
        if (!run) return;
        ids = await run.ids;
      } catch (error) {
        await this.#recover(error);
        continue;
      }
      for (let step = 0; step < (ids[0]?.length ?? 0); step++) {
        for (const [i, text] of run.texts.entries()) {
          this.#signal?.throwIfAborted();
          yield* this.#take(text, ids[i]?.[step] as number);
        }
      }
    }
  }

  async dispose(): Promise<void> {
    const group = this.#group;
    this.#group = undefined;
    if (group) await this.#model.engine.disposeGroup(group);
  }

  /** Begins all that has not ended once more, on another device; throws the error on where there is none. */
  async #recover(error: unknown): Promise<void> {
    const next = await this.#recovery.after(this.#model, error, this.#taken, this.#signal);
    await this.dispose();
    this.#model = next;
    [this.#texts, this.#runs, this.#again] = [[], [], [...this.#unfinished]];
  }

  async #keepBusy(): Promise<void> {
    while (this.#runs.filter(({ isStep }) => isStep).length < this.#pace.depth) {
      await this.#fillSlots();
      if (this.#texts.length === 0) break;
      await this.#queueStep();
    }
  }

  /** Takes texts out that have ended, or that were asked for all their tokens, and puts in those that wait. */
  async #fillSlots(): Promise<void> {
    const { engine } = this.#model;
    const { maxTokens } = this.#limits;
    for (let slot = this.#texts.length - 1; slot >= 0; slot--) {
      const { ended, queued } = this.#texts[slot] as BatchText;
      if (!ended && queued < maxTokens) continue;
      if (this.#group) await engine.leave(this.#group, slot);
      this.#texts[slot] = this.#texts.at(-1) as BatchText;
      this.#texts.pop();
    }
    while (this.#texts.length < this.#size) {
      const text = this.#nextText();
      if (!text) break;
      await this.#startText(text);
    }
    const left = Math.max(...this.#texts.map(({ queued }) => maxTokens - queued));
    const isFew = this.#group && this.#texts.length > 0 && this.#texts.length <= this.#group.slots.capacity / 4;
    if (this.#group && isFew && left >= MIN_STEPS_TO_SHRINK) {
      this.#group = await engine.shrinkGroup(this.#group, powerOfTwo(this.#texts.length));
    }
  }

  /** Most texts at once. */
  get #size(): number {
    return Math.min(this.#inputs.batchSize, this.#inputs.prompts.length);
  }

  get #pace(): Pace {
    return this.#model.paceOf(this.#size);
  }

  /** The next text that waits for a slot. */
  #nextText(): BatchText | undefined {
    const again = this.#again.shift();
    if (again) return again;
    const { prompts, tokenizer } = this.#inputs;
    const index = this.#begun;
    const prompt = prompts[index];
    if (!prompt) return undefined;
    this.#begun += 1;
    const text = new GeneratedText(tokenizer?.stream(), this.#limits.stops);
    const own: BatchText = { index, text, ids: new TokenIds(prompt), queued: 0, taken: 0, ended: false };
    this.#unfinished.add(own);
    return own;
  }

  async #startText(text: BatchText): Promise<void> {
    const { engine } = this.#model;
    const pace = this.#pace;
    this.#signal?.throwIfAborted();
    const sampling = this.#inputs.samplingOf(text.index);
    const sequence = await engine.createSampledSequence(text.ids.all, sampling, text.taken);
    try {
      const { ids } = await engine.start(sequence, text.ids.all, this.#signal);
      text.queued = text.taken + 1;
      this.#addRun({ texts: [text], ids: ids.then((first) => [first]), isStep: false });
      ids.then(() => pace.noteOther(performance.now())).catch(() => {});
      if (text.queued === this.#limits.maxTokens) return;
      this.#group ??= await engine.createGroup(powerOfTwo(this.#size), sampling.kind);
      await engine.join(this.#group, sequence);
      this.#texts.push(text);
    } finally {
      await engine.disposeSequence(sequence);
    }
  }

  async #queueStep(): Promise<void> {
    if (!this.#group) return;
    this.#signal?.throwIfAborted();
    const texts = [...this.#texts];
    const pace = this.#pace;
    const steps = pace.steps(Math.min(...texts.map(({ queued }) => this.#limits.maxTokens - queued)));
    const queuedAt = performance.now();
    const { ids } = await this.#model.engine.stepGroup(this.#group, steps, this.#signal);
    for (const text of texts) text.queued += steps;
    this.#addRun({ texts, ids, isStep: true });
    ids.then(() => pace.note(steps, queuedAt, performance.now())).catch(() => {});
  }

  #addRun(run: BatchRun): void {
    run.ids.catch(() => {}); // thrown where the ids are waited for, if they are
    this.#runs.push(run);
  }

  /** The tokens that are certain with an id of a text; those after its end are discarded. */
  *#take(text: BatchText, chosen: number): Generator<BatchToken> {
    if (text.ended) return;
    const { index } = text;
    const id = checkChosen(chosen);
    const isEnd = id === this.#inputs.tokenizer?.endTokenId;
    const tokens = isEnd ? [] : text.text.push(id);
    text.ids.append([id]);
    text.taken += 1;
    this.#taken += 1;
    text.ended = isEnd || text.text.stopped || text.taken === this.#limits.maxTokens;
    if (text.ended) this.#unfinished.delete(text);
    if (text.ended && !text.text.stopped) tokens.push(...text.text.end());
    for (const token of tokens) yield { index, ...token };
  }
}

/** The least power of two that is at least this: programs are recorded for these. */
function powerOfTwo(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}
