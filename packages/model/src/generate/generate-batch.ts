/**
 * Texts that are generated together: a step of the device is one token of each. Which text is in which slot changes as texts
 * end and waiting prompts take their place; what a text says does not depend on it.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { Engine, Group } from "../forward/engine.ts";
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
  readonly engine: Engine;
  readonly prompts: readonly ArrayLike<number>[];
  readonly samplingOf: (index: number) => Sampling;
  readonly tokenizer: Tokenizer | undefined;
  readonly pace: Pace;
  readonly batchSize: number;
}

/** A text in progress. */
interface BatchText {
  readonly index: number;
  readonly text: GeneratedText;
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
  const batch = new Batch(inputs, limits, signal);
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
  #group: Group | undefined;
  /** The texts in the group's slots, in order. */
  #texts: BatchText[] = [];
  #started = 0;
  #runs: BatchRun[] = [];

  constructor(inputs: GenerateBatchInputs, limits: TextLimits, signal: AbortSignal | undefined) {
    this.#inputs = inputs;
    this.#limits = limits;
    this.#signal = signal;
  }

  async *tokens(): AsyncGenerator<BatchToken, void, undefined> {
    for (;;) {
      while (this.#runs.filter(({ isStep }) => isStep).length < this.#inputs.pace.depth) {
        await this.#fillSlots();
        if (this.#texts.length === 0) break;
        await this.#queueStep();
      }
      const run = this.#runs.shift();
      if (!run) return;
      const ids = await run.ids;
      for (let step = 0; step < (ids[0]?.length ?? 0); step++) {
        for (const [i, text] of run.texts.entries()) {
          this.#signal?.throwIfAborted();
          yield* this.#take(text, ids[i]?.[step] as number);
        }
      }
    }
  }

  async dispose(): Promise<void> {
    if (this.#group) await this.#inputs.engine.disposeGroup(this.#group);
  }

  /** Takes texts out that have ended, or that were asked for all their tokens, and puts in prompts that wait. */
  async #fillSlots(): Promise<void> {
    const { engine, prompts } = this.#inputs;
    const { maxTokens } = this.#limits;
    for (let slot = this.#texts.length - 1; slot >= 0; slot--) {
      const { ended, queued } = this.#texts[slot] as BatchText;
      if (!ended && queued < maxTokens) continue;
      if (this.#group) await engine.leave(this.#group, slot);
      this.#texts[slot] = this.#texts.at(-1) as BatchText;
      this.#texts.pop();
    }
    while (this.#started < prompts.length && this.#texts.length < this.#size) await this.#startText(this.#started++);
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

  async #startText(index: number): Promise<void> {
    const { engine, prompts, samplingOf, tokenizer } = this.#inputs;
    this.#signal?.throwIfAborted();
    const [prompt, sampling] = [prompts[index] as ArrayLike<number>, samplingOf(index)];
    const text = new GeneratedText(tokenizer?.stream(), this.#limits.stops);
    const own: BatchText = { index, text, queued: 1, taken: 0, ended: false };
    const sequence = await engine.createSampledSequence(prompt, sampling);
    try {
      const { ids } = await engine.start(sequence, prompt, this.#signal);
      this.#addRun({ texts: [own], ids: ids.then((first) => [first]), isStep: false });
      ids.then(() => this.#inputs.pace.noteOther(performance.now())).catch(() => {});
      if (this.#limits.maxTokens === 1) return;
      this.#group ??= await engine.createGroup(powerOfTwo(this.#size), sampling.kind);
      await engine.join(this.#group, sequence);
      this.#texts.push(own);
    } finally {
      await engine.disposeSequence(sequence);
    }
  }

  async #queueStep(): Promise<void> {
    if (!this.#group) return;
    this.#signal?.throwIfAborted();
    const texts = [...this.#texts];
    const steps = this.#inputs.pace.steps(Math.min(...texts.map(({ queued }) => this.#limits.maxTokens - queued)));
    const queuedAt = performance.now();
    const { ids } = await this.#inputs.engine.stepGroup(this.#group, steps, this.#signal);
    for (const text of texts) text.queued += steps;
    this.#addRun({ texts, ids, isStep: true });
    ids.then(() => this.#inputs.pace.note(steps, queuedAt, performance.now())).catch(() => {});
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
    text.taken += 1;
    text.ended = isEnd || text.text.stopped || text.taken === this.#limits.maxTokens;
    if (text.ended && !text.text.stopped) tokens.push(...text.text.end());
    for (const token of tokens) yield { index, ...token };
  }
}

/** The least power of two that is at least this: programs are recorded for these. */
function powerOfTwo(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}
