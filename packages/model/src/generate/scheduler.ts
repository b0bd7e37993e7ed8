/**
 * Texts that decode together, and come and go: a step of the device is one token of each. Which text is in which slot changes as texts
 * end and others take their place; what a text says does not depend on it.
 *
 * Between two steps at most one chunk of prompts is read, so that a long prompt does not hold up those who read along.
 */
import { unionKind } from "@blackmamba/kernels";
import { DisposedError, nextTurn } from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { DeviceModel } from "../device/device-model.ts";
import type { Recovery, RenewableModel } from "../device/renewable-model.ts";
import type { Look } from "../forward/choose.ts";
import type { Group } from "../forward/group.ts";
import { BatchText, type BatchTextInputs, type TextReader } from "./batch-text.ts";
import type { Pace } from "./pace.ts";

/** Steps that have to be left for it to pay to move to fewer slots. */
const MIN_STEPS_TO_SHRINK = 32;

/** Slots come by these factors: programs are recorded for each number of them, and what is recorded while texts are made holds them up. */
const CAPACITY_FACTOR = 8;

/** A run under way: the ids of each text, in the order of `texts`. */
interface BatchRun {
  readonly texts: readonly BatchText[];
  readonly ids: Promise<Uint32Array[]>;
  readonly logits: readonly (Promise<Float32Array> | undefined)[];
  /** Whether it stepped the group, rather than read a prompt. */
  readonly isStep: boolean;
}

/** What a scheduler needs of a model. */
export interface SchedulerInputs {
  readonly renewable: RenewableModel;
  readonly tokenizer: Tokenizer | undefined;
  /** Most texts at once. */
  readonly batchSize: number;
}

/** Runs texts, as many at once as there are slots, the others in the order in which they came. */
export class Scheduler {
  readonly #inputs: SchedulerInputs;
  #recovery: Recovery;
  #model: DeviceModel | undefined;
  /** By capacity: what was recorded is kept, as texts may become more again. */
  readonly #groups = new Map<number, Group>();
  #group: Group | undefined;
  /** Those that have no slot yet, and of which no id was asked for. */
  #waiting: BatchText[] = [];
  /** The texts in the group's slots, in order. */
  #texts: BatchText[] = [];
  /** Texts that have not ended, wherever they are. */
  readonly #unfinished = new Set<BatchText>();
  #runs: BatchRun[] = [];
  /** Tokens of prompts that were read since the last step. */
  #readSinceStep = 0;
  /** Ids that became parts of texts: how far all have come. */
  #taken = 0;
  /** Has the wait for a run end, as there is something else to do. */
  #wake = () => {};
  #running: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(inputs: SchedulerInputs) {
    this.#inputs = inputs;
    this.#recovery = inputs.renewable.recovery();
  }

  /** Texts that were begun and have not ended. */
  get active(): number {
    return this.#count(({ isBegun }) => isBegun);
  }

  /** Texts of which nothing was read yet. */
  get waiting(): number {
    return this.#count(({ isBegun }) => !isBegun);
  }

  #count(isCounted: (text: BatchText) => boolean): number {
    return [...this.#unfinished].filter((text) => !text.hasEnded && isCounted(text)).length;
  }

  /** Begins a text as soon as there is room for it. */
  add(inputs: BatchTextInputs, reader: TextReader): BatchText {
    if (this.#disposed) throw new DisposedError("batcher");
    const text = new BatchText(inputs, this.#inputs.tokenizer, reader, () => this.#wake());
    if (text.hasEnded) return text;
    this.#unfinished.add(text);
    this.#waiting.push(text);
    this.#running ??= this.#run();
    this.#wake();
    return text;
  }

  /** Ends all texts, whose readers are told so, and frees everything. Safe to call twice. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    for (const text of this.#unfinished) text.fail(new DisposedError("batcher"));
    await this.#running;
    await this.#freeGroups();
  }

  /** Goes on until no text is left. Never rejects: what goes wrong is told to the texts' readers. */
  async #run(): Promise<void> {
    while (this.#unfinished.size + this.#runs.length + this.#texts.length > 0) {
      try {
        this.#model ??= await this.#inputs.renewable.ready(undefined);
        await this.#keepBusy(this.#model);
        if (await this.#isNextDone()) await this.#deliver(this.#runs.shift() as BatchRun);
        await this.#freeEnded();
      } catch (error) {
        await this.#recover(error).catch((failure: unknown) => this.#giveUp(failure));
      }
      // A device that computes on this thread would otherwise keep everything else from happening.
      await nextTurn();
    }
    // With nothing waited for in between: a text that is added from now on begins another run.
    this.#running = undefined;
  }

  /** Waits for the next run, unless a text comes or ends before that: then there is something to do at once. */
  async #isNextDone(): Promise<boolean> {
    const [next] = this.#runs;
    if (!next) return false;
    const done = Promise.all([next.ids, ...next.logits]).then(() => true);
    const woken = new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(false);
    });
    return Promise.race([done, woken]);
  }

  /** Begins all that has not ended once more, on another device; tells all of an error where there is none. */
  async #recover(error: unknown): Promise<void> {
    const failed = this.#model;
    this.#runs = [];
    this.#texts = [];
    try {
      if (!failed) throw error;
      const next = await this.#recovery.after(failed, error, this.#taken, undefined);
      await this.#freeGroups();
      this.#model = next;
      // Those that were begun go first, in the order in which they came.
      this.#waiting = [...this.#unfinished];
    } catch (cause) {
      this.#giveUp(cause);
      await this.#freeGroups();
      this.#model = undefined;
    }
    for (const text of this.#unfinished) await text.forget();
    await this.#freeEnded();
  }

  /** Ends all texts with an error. */
  #giveUp(error: unknown): void {
    for (const text of this.#unfinished) text.fail(error);
    [this.#waiting, this.#texts, this.#runs] = [[], [], []];
    this.#recovery = this.#inputs.renewable.recovery();
  }

  async #keepBusy(model: DeviceModel): Promise<void> {
    const pace = this.#paceOf(model);
    // What waits goes in between the steps: those that read along wait for one chunk at most.
    await this.#freeSlots(model);
    await this.#readPrompts(model);
    while (this.#runs.filter(({ isStep }) => isStep).length < pace.depth) {
      await this.#freeSlots(model);
      if (this.#texts.length === 0) break;
      if (!(await this.#queueStep(model, pace))) break;
    }
  }

  #paceOf(model: DeviceModel): Pace {
    return model.paceOf(this.#inputs.batchSize);
  }

  /** Takes texts out that have ended, or that were asked for all their tokens. */
  async #freeSlots({ engine }: DeviceModel): Promise<void> {
    for (let slot = this.#texts.length - 1; slot >= 0; slot--) {
      const { hasEnded, isAllQueued } = this.#texts[slot] as BatchText;
      if (!hasEnded && !isAllQueued) continue;
      if (this.#group) await engine.leave(this.#group, slot);
      this.#texts[slot] = this.#texts.at(-1) as BatchText;
      this.#texts.pop();
    }
  }

  /** Reads prompts of those that wait, together no more than a chunk. */
  async #readPrompts(model: DeviceModel): Promise<void> {
    if (this.#texts.length === 0) this.#readSinceStep = 0;
    let budget = model.engine.prefillChunk - this.#readSinceStep;
    while (budget > 0 && this.#texts.length < this.#inputs.batchSize) {
      const text = this.#waiting[0];
      if (!text) break;
      if (text.hasEnded) {
        this.#waiting.shift();
        continue;
      }
      const read = await this.#readPrompt(model, text, budget);
      this.#readSinceStep += read;
      budget -= read;
    }
  }

  /** Reads on in a prompt, and puts its text into a slot when it is read; how many tokens it was. */
  async #readPrompt(model: DeviceModel, text: BatchText, most: number): Promise<number> {
    try {
      const { tokens, first } = await text.readPrompt(model, most);
      if (!first) return Math.max(tokens, 1);
      this.#waiting.shift();
      const pace = this.#paceOf(model);
      first.ids.then(() => pace.noteOther(performance.now())).catch(() => {});
      this.#addRun({ texts: [text], ids: first.ids.then((ids) => [ids]), logits: [first.logits], isStep: false });
      if (!text.isAllQueued) {
        await this.#makeRoom(model);
        await model.engine.join(this.#group as Group, text.sequence);
        this.#texts.push(text);
      }
      await text.leaveSequence();
      return Math.max(tokens, 1);
    } catch (error) {
      // What goes wrong with one prompt is no matter of the others, unless it is the device.
      if (text.isFaultOf(model, error)) {
        text.fail(error);
        this.#waiting = this.#waiting.filter((other) => other !== text);
        return 1;
      }
      throw error;
    }
  }

  /** Has a group with a free slot: the first with room for all there are to come. */
  async #makeRoom(model: DeviceModel): Promise<void> {
    const count = this.#texts.length + 1;
    if (this.#group && this.#group.capacity >= count) return;
    const coming = count + this.#waiting.filter(({ hasEnded }) => !hasEnded).length;
    await this.#moveTo(model, Math.min(coming, this.#inputs.batchSize));
  }

  /** Moves to fewer slots where most are empty for long: a step of many takes longer, however few are used. */
  async #shrink(model: DeviceModel, stepsLeft: number): Promise<void> {
    const isFew = this.#group && this.#texts.length <= this.#group.capacity / CAPACITY_FACTOR;
    if (isFew && stepsLeft >= MIN_STEPS_TO_SHRINK) await this.#moveTo(model, this.#texts.length);
  }

  async #moveTo(model: DeviceModel, count: number): Promise<void> {
    const most = 2 ** Math.ceil(Math.log2(this.#inputs.batchSize));
    const capacity = Math.min(CAPACITY_FACTOR ** Math.ceil(Math.log2(count) / Math.log2(CAPACITY_FACTOR)), most);
    const from = this.#group;
    if (from?.capacity === capacity) return;
    const to = this.#groups.get(capacity) ?? (await model.engine.createGroup(capacity));
    this.#groups.set(capacity, to);
    if (from) await model.engine.moveGroup(from, to);
    this.#group = to;
  }

  /** Queues a step of all slots, unless what is under way has to be known first. */
  async #queueStep(model: DeviceModel, pace: Pace): Promise<boolean> {
    await this.#shrink(model, Math.max(...this.#texts.map(({ tokensLeft }) => tokensLeft)));
    const texts = [...this.#texts];
    const looks = new Map<number, Look>();
    for (const [slot, { look }] of texts.entries()) if (look) looks.set(slot, look);
    // The host has to know all ids before it looks at the logits that come of them.
    if (looks.size > 0 && this.#runs.length > 0) return false;
    const steps = looks.size > 0 ? 1 : pace.steps(Math.min(...texts.map(({ tokensLeft }) => tokensLeft)));
    const kind = texts.map(({ kind: own }) => own).reduce(unionKind);
    const queuedAt = performance.now();
    const { ids, logits } = await model.engine.stepGroup(this.#group as Group, { times: steps, kind, looks });
    for (const text of texts) text.queue(steps);
    this.#readSinceStep = 0;
    this.#addRun({ texts, ids, logits, isStep: true });
    ids.then(() => pace.note(steps, queuedAt, performance.now())).catch(() => {});
    return true;
  }

  #addRun(run: BatchRun): void {
    run.ids.catch(() => {}); // thrown where the ids are waited for
    this.#runs.push(run);
  }

  /** Gives each text of a run its ids; those after its end are discarded. */
  async #deliver({ texts, ids, logits }: BatchRun): Promise<void> {
    const all = await ids;
    const rows = await Promise.all(logits);
    for (let step = 0; step < (all[0]?.length ?? 0); step++) {
      for (const [i, text] of texts.entries()) {
        if (text.hasEnded) continue;
        this.#taken += 1;
        text.take(all[i]?.[step] as number, rows[i]);
      }
    }
  }

  /** Frees what belongs to texts that have ended. */
  async #freeEnded(): Promise<void> {
    for (const text of this.#unfinished) {
      if (!text.hasEnded) continue;
      this.#unfinished.delete(text);
      await text.free();
    }
    this.#waiting = this.#waiting.filter(({ hasEnded }) => !hasEnded);
  }

  async #freeGroups(): Promise<void> {
    const groups = [...this.#groups.values()];
    this.#groups.clear();
    this.#group = undefined;
    for (const group of groups) await this.#model?.engine.disposeGroup(group);
  }
}
