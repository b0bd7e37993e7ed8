/**
 * Runs the forward pass over any number of tokens, of one sequence at a time in chunks of bounded memory, or of several together.
 *
 * Programs are recorded once, against one resident state; whose that is, `residence.ts` knows. What is asked for is done in order.
 */
import { createAdjustments, createSampleState, type SampleKind } from "@blackmamba/kernels";
import { type Device, DisposedError, type PreparedProgram, TensorPool } from "@blackmamba/tensor";
import { OptionError, StateError } from "../errors.ts";
import { checkIds } from "./check-ids.ts";
import { chosenIds, type Look, lookAt, type QueuedIds } from "./choose.ts";
import { createForward, createHead, type Forward, type ForwardInputs, type Head } from "./forward.ts";
import { Group, type GroupIds, type GroupStepOptions } from "./group.ts";
import { promptCapacities } from "./prompt-capacities.ts";
import { Recordings } from "./recordings.ts";
import { Residence } from "./residence.ts";
import type { SamplingTensors } from "./samplers.ts";
import type { SampledSequence, Sequence, SequenceSampling } from "./sequence.ts";
import { copyAll, Slots } from "./slots.ts";
import { createSequenceState, stateTensors } from "./state.ts";
import { Verifier } from "./verifier.ts";

/** Memory for the logits of many tokens at once; with the largest vocabulary (50,304) that is 166 tokens. */
const MAX_LOGITS_BYTE_LENGTH = 32 << 20;

/** How ids are chosen while measuring: the likeliest, as by default. */
const GREEDY: SampleKind = { noise: false, cut: false, typical: false, adjust: false };

/** How the next ids are chosen. */
export interface ChooseOptions {
  /** What the host does with the logits before; the device waits for that, so it chooses one at a time. */
  readonly look?: Look | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What happens between a chunk's layers and after it; see {@link Engine.visit}. */
export interface Visitor {
  /** After the embedding (−1) and each layer, with the residual stream [tokens, hidden] of this chunk. */
  layer?(index: number, tokens: number, forward: Forward): Promise<void>;
  /** The logits [tokens, vocab] of this chunk. */
  logits?(logits: Float32Array): void;
}

/** Does something with the programs of a step: as they are run, and with a program for each layer. */
type UsePrograms<T> = (programs: readonly PreparedProgram[], layers: readonly PreparedProgram[]) => Promise<T>;

/** What an engine runs. */
export type EngineInputs = Omit<ForwardInputs, "pool" | "state">;

/** Owns what all sequences of a model share: recorded programs, scratch, and the resident state. */
export class Engine {
  readonly #inputs: EngineInputs;
  /** Of the programs for prompts, ascending. */
  readonly #promptCapacities: readonly number[];
  readonly #sequences = new Set<Sequence>();
  /** Everything but the sequences' own states. */
  readonly #recordings: Recordings;
  readonly #residence: Residence;
  #disposed = false;
  /** What {@link advanceAll} runs in. */
  #together: Group | undefined;
  /** What {@link prepareAhead} has begun. */
  #ahead: Promise<unknown> = Promise.resolve();
  /** Steps run one after another: they share scratch and the resident state. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(inputs: EngineInputs) {
    this.#inputs = inputs;
    this.#recordings = new Recordings(inputs.device);
    this.#residence = new Residence(inputs.device, inputs.config, this.#recordings);
    this.#promptCapacities = promptCapacities(inputs.config, inputs.device);
  }

  /**
   * Begins to make what a text of an ordinary prompt takes, while something else is waited for: of shaders, this takes long. What fails
   * is made again by whoever needs it, who then hears of it.
   */
  prepareAhead(): void {
    const [fewTokens] = this.#promptCapacities;
    const prompt = async () => (await this.#forwardFor(fewTokens as number)).programs(true);
    const sampler = async () => (await this.#single()).sampler(GREEDY);
    const step = async () => (await this.#single()).forward.programs(true);
    // What the first token takes goes before what the second does.
    this.#ahead = Promise.allSettled([prompt(), sampler()]).then(() => Promise.allSettled([step()]));
  }

  /** A sequence before its first token. */
  createSequence(): Sequence {
    const pool = new TensorPool(this.#device);
    const sequence = { state: undefined, pool, position: 0, broken: false, disposed: false };
    this.#sequences.add(sequence);
    return sequence;
  }

  /** Tokens of a prompt that are computed together. */
  get prefillChunk(): number {
    return Math.max(...this.#promptCapacities);
  }

  /** Bytes of the state of any sequence. */
  get stateByteLength(): number {
    return this.#residence.byteLength;
  }

  /** A sequence before its prompt, whose ids are to be chosen on the device. */
  async createSampledSequence({ kind, settings, chosen, marks, bias }: SequenceSampling): Promise<SampledSequence> {
    const { device, config } = this.#inputs;
    const sequence = this.createSequence();
    try {
      const { pool } = sequence;
      const sampling: SamplingTensors = {
        ...createSampleState(pool, 1),
        next: pool.createTensor("u32", [1], "next id"),
        adjustments: kind.adjust ? createAdjustments(pool, 1, config.vocab) : undefined,
      };
      await device.write(sampling.settings, settings);
      if (chosen > 0) await device.write(sampling.steps, Uint32Array.of(chosen));
      if (sampling.adjustments && marks) await device.write(sampling.adjustments.marks, marks);
      if (sampling.adjustments && bias) await device.write(sampling.adjustments.bias, bias);
      return Object.assign(sequence, { sampling, kind, chosen });
    } catch (error) {
      await this.disposeSequence(sequence);
      throw error;
    }
  }

  /** Frees a sequence's state, once the step that is under way is done; those that wait for their turn fail. */
  async disposeSequence(sequence: Sequence): Promise<void> {
    sequence.disposed = true;
    await this.#turn;
    this.#sequences.delete(sequence);
    this.#residence.leave(sequence);
    sequence.pool.dispose();
  }

  /** Gives a sequence before its first token what another one has come to; that one goes on as it was. */
  copySequence(from: Sequence, to: Sequence): Promise<void> {
    return this.#exclusively(from, async () => {
      this.#assertWhole(from);
      if (to.disposed) throw new DisposedError("state");
      if (from.position === 0) return;
      await this.#residence.giveRoom(to);
      copyAll(this.#device, this.#residence.stateOf(from), this.#residence.stateOf(to));
      to.position = from.position;
    });
  }

  /** A sequence's state, one tensor after another; `undefined` before its first token. */
  readState(sequence: Sequence): Promise<Float32Array[] | undefined> {
    return this.#exclusively(sequence, async () => {
      this.#assertWhole(sequence);
      if (sequence.position === 0) return undefined;
      return Promise.all(this.#residence.stateOf(sequence).map((tensor) => this.#device.read(tensor)));
    });
  }

  /** Gives a sequence before its first token a state that was read, after so many tokens. */
  writeState(sequence: Sequence, values: readonly Float32Array[], position: number): Promise<void> {
    return this.#exclusively(sequence, async () => {
      const tensors = stateTensors(await this.#residence.giveRoom(sequence));
      for (const [index, tensor] of tensors.entries()) {
        await this.#device.write(tensor, values[index] as Float32Array);
      }
      sequence.position = position;
    });
  }

  /** Numbers in each tensor of a state, in the order of {@link readState}. */
  get stateLengths(): number[] {
    return stateTensors(this.#residence.state).map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  }

  /**
   * Consumes ids.
   *
   * @returns logits [vocab] of the token after the last
   */
  advance(sequence: Sequence, ids: ArrayLike<number>, signal?: AbortSignal): Promise<Float32Array> {
    return this.#exclusively(sequence, async () => {
      const { logits } = await this.#consume(sequence, ids, signal);
      return this.#device.read(logits);
    });
  }

  /** Logits [vocab] of the token after those that a sequence has consumed, at least one. */
  logits(sequence: Sequence): Promise<Float32Array> {
    return this.#exclusively(sequence, async () => {
      const { logits } = await this.#logitsNow(sequence);
      return this.#device.read(logits);
    });
  }

  /**
   * Consumes a prompt and chooses the first id. Resolves when all of it is queued.
   *
   * @param ids - none where the sequence has consumed some before
   */
  start(sequence: SampledSequence, ids: ArrayLike<number>, options: ChooseOptions = {}): Promise<QueuedIds> {
    const { look, signal } = options;
    return this.#exclusively(sequence, async () => {
      const slots = await this.#single();
      const sampler = await slots.sampler(sequence.kind);
      const isOn = ids.length === 0 && sequence.position > 0;
      const { logits } = isOn ? await this.#logitsNow(sequence) : await this.#consume(sequence, ids, signal);
      const own = slots.forward.last.logits;
      if (logits !== own) this.#device.copy(logits, own);
      const looked = look ? await lookAt(this.#device, own, 0, look) : {};
      await this.#device.run([sampler]);
      sequence.chosen += 1;
      return { ids: this.#chosenOf(slots, sequence, 1), ...looked };
    });
  }

  /**
   * Lets the device choose so many ids more, feeding each back: from 1 to `MAX_RUN_STEPS`, with a look 1. Resolves when that is queued,
   * so that the next may be queued before these are known.
   */
  step(sequence: SampledSequence, times: number, { look, signal }: ChooseOptions = {}): Promise<QueuedIds> {
    return this.#exclusively(sequence, async () => {
      const slots = await this.#single();
      const programs = await slots.forward.programs(true);
      const sampler = await slots.sampler(sequence.kind);
      signal?.throwIfAborted();
      this.#assertWhole(sequence);
      await this.#residence.enter(sequence);
      sequence.broken = true;
      let looked: Pick<QueuedIds, "logits"> = {};
      if (look) {
        await this.#device.run(programs, { signal });
        looked = await lookAt(this.#device, slots.forward.last.logits, 0, look);
        await this.#device.run([sampler]);
      } else {
        await this.#device.run([...programs, sampler], { times, signal });
      }
      sequence.position += times;
      sequence.chosen += times;
      sequence.broken = false;
      return { ids: this.#chosenOf(slots, sequence, times), ...looked };
    });
  }

  /**
   * Consumes ids, the last of a text and a draft of those after it, and chooses after each of them the id that would follow: at most
   * `MAX_VERIFIED_TOKENS`, each as its sampling says.
   */
  verify(
    sequence: Sequence,
    ids: ArrayLike<number>,
    samplings: readonly SequenceSampling[],
    signal?: AbortSignal,
  ): Promise<Uint32Array> {
    return this.#exclusively(sequence, async () => {
      let chosen: Uint32Array = new Uint32Array(0);
      // One token alone has programs of its own, and logits elsewhere.
      const chunk = Math.max(2, ids.length);
      await this.#eachChunk(sequence, ids, chunk, signal, async (forward, tokens) => {
        await this.#device.run(await forward.programs(tokens === 1), { tokens, signal });
        const head = tokens === 1 ? forward.last : await this.#allRows(forward);
        if (tokens > 1) await this.#device.run([await head.program()], { tokens, signal });
        chosen = await (await this.#verifier(forward, head)).choose(samplings);
      });
      return chosen;
    });
  }

  /** Room for so many sequences that decode together. */
  createGroup(capacity: number): Promise<Group> {
    return this.#recordings.recordAnew(`${capacity} sequences together`, (pool) => {
      const state = createSequenceState(pool, this.#inputs.config, capacity);
      return new Group(this.#device, pool, new Slots({ ...this.#inputs, pool, state }, capacity));
    });
  }

  /** Gives the next free slot of a group what a sequence has come to; the sequence itself stays as it is. */
  join(group: Group, sequence: SampledSequence): Promise<void> {
    return this.#exclusively(sequence, async () => {
      this.#assertWhole(sequence);
      group.join(this.#residence.stateOf(sequence), this.#residence.samplingOf(sequence), sequence.chosen);
    });
  }

  /** Empties a slot of a group: the last one in use takes its place. */
  leave(group: Group, slot: number): Promise<void> {
    return this.#inTurn(async () => group.leave(slot));
  }

  /** Moves all of a group to another one, which is empty and has room for them. */
  moveGroup(from: Group, to: Group): Promise<void> {
    return this.#inTurn(async () => from.moveTo(to));
  }

  /** As {@link step}, for all sequences of a group. */
  stepGroup(group: Group, options: GroupStepOptions): Promise<GroupIds> {
    return this.#inTurn(() => group.step(options));
  }

  /** Frees a group, once the step that is under way is done. */
  async disposeGroup({ pool }: Group): Promise<void> {
    await this.#turn;
    this.#recordings.disposePool(pool);
  }

  /**
   * Consumes one id for each of several sequences, together.
   *
   * @returns for each the logits [vocab] of the token after it
   */
  advanceAll(sequences: readonly Sequence[], ids: ArrayLike<number>, signal?: AbortSignal): Promise<Float32Array[]> {
    return this.#inTurn(async () => {
      const { vocab } = this.#inputs.config;
      checkIds(ids, vocab);
      for (const sequence of sequences) {
        if (sequence.disposed) throw new DisposedError("state");
        this.#assertWhole(sequence);
      }
      const count = sequences.length;
      const { slots } = await this.#roomTogether(count);
      const { forward } = slots;
      const programs = await forward.programs(true);
      signal?.throwIfAborted();
      for (const sequence of sequences) {
        if (!sequence.state) await this.#residence.enter(sequence);
        await this.#residence.giveRoom(sequence);
      }
      for (const sequence of sequences) sequence.broken = true;
      for (const [slot, sequence] of sequences.entries()) {
        copyAll(this.#device, this.#residence.stateOf(sequence), slots.slotState(slot));
      }
      const all = new Uint32Array(slots.capacity);
      all.set(Uint32Array.from(ids));
      await this.#device.write(forward.ids, all);
      await this.#device.run(programs, { tokens: count, signal });
      for (const [slot, sequence] of sequences.entries()) {
        // What is resident is the past.
        this.#residence.leave(sequence);
        copyAll(this.#device, slots.slotState(slot), this.#residence.stateOf(sequence));
        sequence.position += 1;
        sequence.broken = false;
      }
      const logits = await this.#device.read(forward.last.logits, count);
      return sequences.map((_, slot) => logits.slice(slot * vocab, (slot + 1) * vocab));
    });
  }

  /** Consumes ids and shows the visitor what it asks for on the way. */
  visit(sequence: Sequence, ids: ArrayLike<number>, visitor: Visitor, signal?: AbortSignal): Promise<void> {
    const chunk = visitor.logits ? Math.min(this.prefillChunk, this.#logitsRows) : this.prefillChunk;
    const visitChunk = async (forward: Forward, tokens: number) => {
      if (visitor.layer) {
        for (const [index, program] of (await forward.layers()).entries()) {
          await this.#device.run([program], { tokens, signal });
          await visitor.layer(index - 1, tokens, forward);
        }
      } else {
        await this.#device.run(await forward.programs(tokens === 1), { tokens, signal });
      }
      if (!visitor.logits) return;
      const { program, logits } = tokens === 1 ? forward.last : await this.#allRows(forward);
      if (tokens > 1 || visitor.layer) await this.#device.run([await program()], { tokens, signal });
      visitor.logits(await this.#device.read(logits, tokens));
    };
    return this.#exclusively(sequence, () => this.#eachChunk(sequence, ids, chunk, signal, visitChunk));
  }

  /**
   * Hands over the programs of a step for measuring: over so many tokens of one sequence, or over one token, whose successor
   * is then chosen. They may be run any number of times; what the sequence holds then is a state, but no text's.
   */
  withPrograms<T>(sequence: Sequence, tokens: number, use: UsePrograms<T>): Promise<T> {
    if (!(Number.isInteger(tokens) && tokens >= 1 && tokens <= this.prefillChunk)) {
      throw new OptionError("tokens", `a whole number from 1 to ${this.prefillChunk}`, tokens);
    }
    return this.#exclusively(sequence, async () => {
      const forward = await this.#forwardFor(tokens);
      const end = tokens === 1 ? [await (await this.#single()).sampler(GREEDY)] : [];
      await this.#residence.enter(sequence);
      await this.#writeSpreadIds(forward);
      const layers = [...(await forward.layers()), await forward.last.program()];
      return use([...(await forward.programs(true)), ...end], [...layers, ...end]);
    });
  }

  /** As {@link withPrograms}, for one token of each of several sequences. */
  async withGroupPrograms<T>(sequences: number, use: UsePrograms<T>): Promise<T> {
    const group = await this.createGroup(sequences);
    try {
      return await this.#inTurn(async () => {
        const { forward } = group.slots;
        await this.#writeSpreadIds(forward);
        const programs = [...(await forward.programs(true)), await group.slots.sampler(GREEDY)];
        return use(programs, programs);
      });
    } finally {
      await this.disposeGroup(group);
    }
  }

  /**
   * Frees scratch, logits and all states, once the step that is under way is done; those that wait for their turn fail. The
   * weights belong to the model.
   */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#turn;
    await this.#ahead;
    await this.#recordings.forget();
    this.#residence.useSlot(undefined);
    this.#together = undefined;
    for (const { pool } of this.#sequences) pool.dispose();
    this.#recordings.dispose();
  }

  get #device(): Device {
    return this.#inputs.device;
  }

  get #logitsRows(): number {
    return Math.max(1, Math.floor(MAX_LOGITS_BYTE_LENGTH / 4 / this.#inputs.config.vocab));
  }

  /** Consumes ids; resolves to where the logits after the last will be once the device is done. */
  async #consume(sequence: Sequence, ids: ArrayLike<number>, signal: AbortSignal | undefined): Promise<Head> {
    let head: Head | undefined;
    await this.#eachChunk(sequence, ids, this.prefillChunk, signal, async (forward, tokens, isLast) => {
      await this.#device.run(await forward.programs(isLast), { tokens, signal });
      head = forward.last;
    });
    return head as Head;
  }

  /** Runs `each` over the chunks of `ids`, with the sequence's state in place. */
  async #eachChunk(
    sequence: Sequence,
    ids: ArrayLike<number>,
    chunk: number,
    signal: AbortSignal | undefined,
    each: (forward: Forward, tokens: number, isLast: boolean) => Promise<void>,
  ): Promise<void> {
    checkIds(ids, this.#inputs.config.vocab);
    this.#assertWhole(sequence);
    for (let start = 0; start < ids.length; start += chunk) {
      const part = Uint32Array.from({ length: Math.min(chunk, ids.length - start) }, (_, i) => Number(ids[start + i]));
      const tokens = part.length;
      const forward = await this.#forwardFor(tokens);
      await forward.programs(true);
      signal?.throwIfAborted();
      await this.#residence.enter(sequence);
      sequence.broken = true;
      await this.#device.write(forward.ids, part);
      await each(forward, tokens, start + tokens === ids.length);
      this.#residence.keepResidual(forward.residual, tokens);
      sequence.position += tokens;
      sequence.broken = false;
    }
  }

  /** Computes the logits after what a sequence has consumed, of what it has kept. */
  async #logitsNow(sequence: Sequence): Promise<Head> {
    const { last } = (await this.#single()).forward;
    this.#assertWhole(sequence);
    if (sequence.position === 0) throw new StateError("this state is empty: give it at least one id first");
    await this.#residence.enter(sequence);
    await this.#device.run([await last.program()]);
    return last;
  }

  /** The last `times` ids that were chosen for a sequence. */
  async #chosenOf(slots: Slots, { chosen }: SampledSequence, times: number): Promise<Uint32Array> {
    const [own] = await chosenIds(slots, [chosen - times], times);
    return own as Uint32Array;
  }

  /** A group for {@link advanceAll}. */
  async #roomTogether(count: number): Promise<Group> {
    if (this.#together && this.#together.capacity >= count) return this.#together;
    if (this.#together) this.#recordings.disposePool(this.#together.pool);
    this.#together = undefined;
    this.#together = await this.createGroup(2 ** Math.ceil(Math.log2(count)));
    return this.#together;
  }

  /** Ids all over the vocabulary: one alone would have one expert for all tokens. */
  #writeSpreadIds({ ids, capacity }: Forward): Promise<void> {
    const { vocab } = this.#inputs.config;
    return this.#device.write(
      ids,
      Uint32Array.from({ length: capacity }, (_, i) => (i * 7919) % vocab),
    );
  }

  #assertWhole({ broken }: Sequence): void {
    if (!broken) return;
    throw new StateError("this state was left in the middle of a token by an abort or a failure; start a new one");
  }

  /** Waits for the steps before, whether they failed or not. */
  #exclusively<T>(sequence: Sequence, step: () => Promise<T>): Promise<T> {
    return this.#inTurn(() => {
      if (sequence.disposed) throw new DisposedError("state");
      return step();
    });
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      if (this.#disposed) throw new DisposedError("model");
      return step();
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  /** The resident slot: single tokens of one sequence, and its sampler. */
  async #single(): Promise<Slots> {
    const { state } = this.#residence;
    const slots = await this.#recordings.record("a token", (pool) => new Slots({ ...this.#inputs, pool, state }, 1));
    this.#residence.useSlot(slots);
    return slots;
  }

  /** The forward pass over so many tokens of one sequence. */
  async #forwardFor(tokens: number): Promise<Forward> {
    if (tokens === 1) return (await this.#single()).forward;
    const capacity = this.#promptCapacities.find((most) => tokens <= most) ?? this.prefillChunk;
    const { state } = this.#residence;
    return this.#recordings.record(
      `a prompt of ${capacity} tokens`,
      (pool) => createForward({ ...this.#inputs, pool, state }, capacity, "sequence"),
      (forward) => forward.programs(true),
    );
  }

  /** What chooses of the logits of a head. */
  #verifier({ capacity }: Forward, { logits }: Head): Promise<Verifier> {
    const { device } = this.#inputs;
    const name = `drafts for a run of ${capacity} tokens`;
    return this.#recordings.record(name, (pool) => new Verifier({ device, pool, logits }));
  }

  /** The logits of every token: only those who ask for them pay for their memory. */
  #allRows({ residual, capacity }: Forward): Promise<Head> {
    const rows = Math.min(capacity, this.#logitsRows);
    const { state } = this.#residence;
    return this.#recordings.record(`the logits of ${capacity} tokens`, (pool) =>
      createHead({ ...this.#inputs, pool, state }, residual, { rows, lastOnly: false }),
    );
  }
}
