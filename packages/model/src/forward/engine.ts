/**
 * Runs the forward pass over any number of tokens, one sequence at a time, in chunks of bounded memory.
 *
 * Programs are recorded once, against one resident state. A sequence's state is copied in when it is its turn and out when
 * another's comes, which costs nothing, not even memory, while there is only one.
 */
import { createSampleState, type SampleKind, seenBitmap } from "@blackmamba/kernels";
import {
  type Device,
  DisposedError,
  OutOfMemoryError,
  type PreparedProgram,
  type Tensor,
  TensorPool,
} from "@blackmamba/tensor";
import { forgetFailures } from "../device/forget-failures.ts";
import { OptionError, PromptError, StateError } from "../errors.ts";
import { createForward, createHead, type Forward, type ForwardInputs, type Head } from "./forward.ts";
import { promptCapacities } from "./prompt-capacities.ts";
import { MAX_RUN_STEPS, type SamplingTensors, Slots, slotTensors } from "./slots.ts";
import { createLayerStates, type LayerStates, stateTensors } from "./state.ts";

/** Memory for the logits of many tokens at once; with the largest vocabulary (50,304) that is 166 tokens. */
const MAX_LOGITS_BYTE_LENGTH = 32 << 20;

/** How ids are chosen while measuring: the likeliest, as by default. */
const GREEDY: SampleKind = { noise: false, cut: false, penalty: false };

/** A sequence in progress. */
export interface Sequence {
  /** Where its state is while another's is resident: made when that first comes about. Before its first token it has none. */
  states: LayerStates | undefined;
  readonly pool: TensorPool;
  /** Tokens consumed so far. */
  position: number;
  /** Set while a chunk is under way, and left so when it fails: then the state is in the middle of a token. */
  broken: boolean;
  disposed: boolean;
}

/** A sequence whose ids are chosen on the device. */
export interface SampledSequence extends Sequence {
  readonly sampling: SamplingTensors;
  readonly kind: SampleKind;
  /** Ids that were chosen so far, or will be once the device has done what is queued. */
  chosen: number;
}

/** How a sequence's ids are chosen. */
export interface SequenceSampling {
  readonly kind: SampleKind;
  /** As `encodeSettings` makes them. */
  readonly settings: Uint32Array;
}

/** Ids that a queued run chooses. */
export interface QueuedIds {
  readonly ids: Promise<Uint32Array>;
}

/** Slots of their own, and what frees them. */
interface OwnSlots {
  readonly pool: TensorPool;
  readonly slots: Slots;
}

/** Sequences that decode together; made by {@link Engine.createGroup}. */
export interface Group extends OwnSlots {
  readonly kind: SampleKind;
  /** Ids that each slot's sequence has chosen; as many as slots are in use, from the first on. */
  readonly chosen: number[];
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

type EngineInputs = Omit<ForwardInputs, "pool">;

/** Owns what all sequences of a model share: recorded programs, scratch, and the resident state. */
export class Engine {
  readonly #inputs: EngineInputs;
  /** Of the programs for prompts, ascending. */
  readonly #promptCapacities: readonly number[];
  readonly #residentTensors: readonly Tensor[];
  readonly #sequences = new Set<Sequence>();
  #owner: Sequence | undefined;
  #disposed = false;
  /** Everything but the sequences' states. */
  readonly #pools: TensorPool[] = [];
  readonly #recorded = new Map<string, Promise<Forward | Head | Slots>>();
  /** What {@link advanceAll} runs in. */
  #together: OwnSlots | undefined;
  /** The resident slot, once it is recorded. */
  #decode: Slots | undefined;
  /** What {@link prepareAhead} has begun. */
  #ahead: Promise<unknown> = Promise.resolve();
  /** Steps run one after another: they share scratch and the resident state. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(inputs: Omit<EngineInputs, "state">) {
    const state = createLayerStates(this.#newPool(inputs.device), inputs.config);
    this.#inputs = { ...inputs, state };
    this.#promptCapacities = promptCapacities(inputs.config, inputs.device);
    this.#residentTensors = stateTensors(state);
  }

  /**
   * Begins to make what a text of an ordinary prompt takes, while something else is waited for: of shaders, this takes long. What fails
   * is made again by whoever needs it, who then hears of it.
   */
  prepareAhead(): void {
    const [fewTokens] = this.#promptCapacities;
    const prompt = async () => (await this.#forwardFor(fewTokens as number)).programs(true);
    const sampler = async () => (await this.#single()).sampler(GREEDY);
    const step = async () => (await this.#single()).stepPrograms(GREEDY);
    // What the first token takes goes before what the second does.
    this.#ahead = Promise.allSettled([prompt(), sampler()]).then(() => Promise.allSettled([step()]));
  }

  /** A sequence before its first token. */
  createSequence(): Sequence {
    const pool = new TensorPool(this.#device);
    const sequence = { states: undefined, pool, position: 0, broken: false, disposed: false };
    this.#sequences.add(sequence);
    return sequence;
  }

  /** Tokens of a prompt that are computed together. */
  get prefillChunk(): number {
    return Math.max(...this.#promptCapacities);
  }

  /** Bytes of the state of any sequence. */
  get stateByteLength(): number {
    return this.#residentTensors.reduce((sum, { storage }) => sum + storage.byteLength, 0);
  }

  /**
   * A sequence before its prompt, whose ids are to be chosen on the device.
   *
   * @param chosen - how many of the prompt's last ids were chosen in the same way before: random numbers are counted on
   */
  async createSampledSequence(
    prompt: ArrayLike<number>,
    { kind, settings }: SequenceSampling,
    chosen: number,
  ): Promise<SampledSequence> {
    const { device, config } = this.#inputs;
    const sequence = this.createSequence();
    try {
      const state = createSampleState(sequence.pool, 1, config.vocab);
      const sampling = { ...state, next: sequence.pool.createTensor("u32", [1], "next id") };
      await device.write(sampling.settings, settings);
      if (kind.penalty) await device.write(sampling.seen, seenBitmap(prompt, config.vocab));
      if (chosen > 0) await device.write(sampling.steps, Uint32Array.of(chosen));
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
    if (this.#owner === sequence) this.#owner = undefined;
    sequence.pool.dispose();
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

  /** Consumes a prompt and chooses the first id. Resolves when all of it is queued. */
  start(sequence: SampledSequence, ids: ArrayLike<number>, signal?: AbortSignal): Promise<QueuedIds> {
    return this.#exclusively(sequence, async () => {
      const slots = await this.#single();
      const sampler = await slots.sampler(sequence.kind);
      const { logits } = await this.#consume(sequence, ids, signal);
      if (logits !== slots.forward.last.logits) this.#device.copy(logits, slots.forward.last.logits);
      await this.#device.run([sampler]);
      sequence.chosen += 1;
      return { ids: chosenIds(slots, [sequence.chosen - 1], 1).then(([own]) => own as Uint32Array) };
    });
  }

  /**
   * Lets the device choose so many ids more, feeding each back: from 1 to {@link MAX_RUN_STEPS}. Resolves when that is queued, so
   * that the next may be queued before these are known.
   */
  step(sequence: SampledSequence, times: number, signal?: AbortSignal): Promise<QueuedIds> {
    return this.#exclusively(sequence, async () => {
      const slots = await this.#single();
      const programs = await slots.stepPrograms(sequence.kind);
      signal?.throwIfAborted();
      this.#assertWhole(sequence);
      await this.#takeTurn(sequence);
      sequence.broken = true;
      await this.#device.run(programs, { times, signal });
      sequence.position += times;
      sequence.chosen += times;
      sequence.broken = false;
      return { ids: chosenIds(slots, [sequence.chosen - times], times).then(([own]) => own as Uint32Array) };
    });
  }

  /** Room for so many sequences that decode together. */
  async createGroup(capacity: number, kind: SampleKind): Promise<Group> {
    return { kind, ...(await this.#createSlots(capacity)), chosen: [] };
  }

  /** Gives the next free slot of a group what a sequence has come to; the sequence itself stays as it is. */
  join(group: Group, sequence: SampledSequence): Promise<void> {
    return this.#exclusively(sequence, async () => {
      this.#assertWhole(sequence);
      const target = group.slots.slot(group.chosen.length);
      this.#copyAll(this.#owner === sequence ? this.#residentOf(sequence) : this.#ownTensors(sequence), target);
      group.chosen.push(sequence.chosen);
    });
  }

  /** Empties a slot of a group: the last one in use takes its place. */
  leave(group: Group, slot: number): Promise<void> {
    return this.#inTurn(async () => {
      const last = group.chosen.length - 1;
      if (slot !== last) this.#copyAll(group.slots.slot(last), group.slots.slot(slot));
      group.chosen[slot] = group.chosen[last] as number;
      group.chosen.pop();
    });
  }

  /** Moves all of a group to other slots, which are fewer. */
  async shrinkGroup(group: Group, capacity: number): Promise<Group> {
    const smaller = await this.createGroup(capacity, group.kind);
    await this.#inTurn(async () => {
      for (const [slot, chosen] of group.chosen.entries()) {
        this.#copyAll(group.slots.slot(slot), smaller.slots.slot(slot));
        smaller.chosen.push(chosen);
      }
    });
    await this.disposeGroup(group);
    return smaller;
  }

  /** As {@link step}, for all sequences of a group: the ids of each. */
  stepGroup(group: Group, times: number, signal?: AbortSignal): Promise<{ readonly ids: Promise<Uint32Array[]> }> {
    return this.#inTurn(async () => {
      const programs = await group.slots.stepPrograms(group.kind);
      signal?.throwIfAborted();
      await this.#device.run(programs, { tokens: group.chosen.length, times, signal });
      const ids = chosenIds(group.slots, group.chosen, times);
      for (const slot of group.chosen.keys()) group.chosen[slot] = (group.chosen[slot] as number) + times;
      return { ids };
    });
  }

  /** Frees a group, once the step that is under way is done. */
  async disposeGroup({ pool }: Group): Promise<void> {
    await this.#turn;
    this.#disposePool(pool);
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
      if ((this.#together?.slots.capacity ?? 0) < count) {
        if (this.#together) this.#disposePool(this.#together.pool);
        this.#together = undefined;
        this.#together = await this.#createSlots(2 ** Math.ceil(Math.log2(count)));
      }
      const { slots } = this.#together as OwnSlots;
      const { forward } = slots;
      const programs = await forward.programs(true);
      signal?.throwIfAborted();
      const own: (readonly Tensor[])[] = [];
      for (const sequence of sequences) {
        if (!sequence.states) await this.#takeTurn(sequence);
        own.push(stateTensors(await this.#giveRoom(sequence)));
      }
      for (const sequence of sequences) sequence.broken = true;
      for (const [slot, sequence] of sequences.entries()) {
        const states = this.#owner === sequence ? this.#residentTensors : (own[slot] as readonly Tensor[]);
        this.#copyAll(states, slots.slotState(slot));
      }
      const all = new Uint32Array(slots.capacity);
      all.set(Uint32Array.from(ids));
      await this.#device.write(forward.ids, all);
      await this.#device.run(programs, { tokens: count, signal });
      for (const [slot, sequence] of sequences.entries()) {
        this.#copyAll(slots.slotState(slot), own[slot] as readonly Tensor[]);
        // What is resident is the past.
        if (this.#owner === sequence) this.#owner = undefined;
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
      await this.#takeTurn(sequence);
      await this.#writeSpreadIds(forward);
      const layers = [...(await forward.layers()), await forward.last.program()];
      return use([...(await forward.programs(true)), ...end], [...layers, ...end]);
    });
  }

  /** As {@link withPrograms}, for one token of each of several sequences. */
  async withGroupPrograms<T>(sequences: number, use: UsePrograms<T>): Promise<T> {
    const group = await this.createGroup(sequences, GREEDY);
    try {
      return await this.#inTurn(async () => {
        await this.#writeSpreadIds(group.slots.forward);
        const programs = await group.slots.stepPrograms(group.kind);
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
    await Promise.allSettled([...this.#recorded.values(), this.#ahead]);
    // Prepared programs hold on to what they were prepared for.
    this.#recorded.clear();
    this.#decode = undefined;
    this.#together = undefined;
    for (const { pool } of this.#sequences) pool.dispose();
    for (const pool of this.#pools) pool.dispose();
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
      await this.#takeTurn(sequence);
      sequence.broken = true;
      await this.#device.write(forward.ids, part);
      await each(forward, tokens, start + tokens === ids.length);
      sequence.position += tokens;
      sequence.broken = false;
    }
  }

  /** Puts a sequence's state where the programs find it. */
  async #takeTurn(sequence: Sequence): Promise<void> {
    const owner = this.#owner;
    if (owner === sequence) return;
    // One that was left in the middle of a token does not come back.
    if (owner && !owner.broken && !owner.disposed) {
      await this.#giveRoom(owner);
      this.#copyAll(this.#residentOf(owner), this.#ownTensors(owner));
    }
    if (sequence.states) {
      this.#copyAll(this.#ownTensors(sequence), this.#residentOf(sequence));
    } else {
      this.#device.clear(...this.#residentTensors);
      if (isSampled(sequence) && this.#decode) {
        this.#copyAll(slotTensors([], sequence.sampling), slotTensors([], this.#decode.sampling));
      }
    }
    this.#owner = sequence;
  }

  /** Memory of its own for a sequence's state. A GPU says at once whether it had any: what is copied there is nowhere else then. */
  async #giveRoom(sequence: Sequence): Promise<LayerStates> {
    if (sequence.states) return sequence.states;
    const states = createLayerStates(sequence.pool, this.#inputs.config);
    try {
      await this.#device.settled();
    } catch (error) {
      for (const { storage } of stateTensors(states)) storage.dispose();
      throw await this.#explain(error, "a sequence beside another", this.stateByteLength);
    }
    sequence.states = states;
    return states;
  }

  /** A sequence's own tensors, which hold what it has come to while it is not its turn. */
  #ownTensors(sequence: Sequence): readonly Tensor[] {
    const states = stateTensors(sequence.states as LayerStates);
    return isSampled(sequence) ? slotTensors(states, sequence.sampling) : states;
  }

  /** Where a sequence's tensors are while it is its turn. One that is sampled has its turn only once there is a sampler. */
  #residentOf(sequence: Sequence): readonly Tensor[] {
    return isSampled(sequence) && this.#decode ? this.#decode.slot(0) : this.#residentTensors;
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

  #copyAll(from: readonly Tensor[], to: readonly Tensor[]): void {
    this.#device.copyAll(from.map((tensor, index) => [tensor, to[index] as Tensor]));
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
    this.#decode = await this.#record("a token", (inputs) => new Slots(inputs, 1));
    return this.#decode;
  }

  #createSlots(capacity: number): Promise<OwnSlots> {
    return this.#recordIn(`${capacity} sequences together`, (inputs) => {
      const state = createLayerStates(inputs.pool, inputs.config, capacity);
      return { pool: inputs.pool, slots: new Slots({ ...inputs, state }, capacity) };
    });
  }

  /** The forward pass over so many tokens of one sequence. */
  async #forwardFor(tokens: number): Promise<Forward> {
    if (tokens === 1) return (await this.#single()).forward;
    const capacity = this.#promptCapacities.find((most) => tokens <= most) ?? this.prefillChunk;
    const create = (inputs: ForwardInputs) => createForward(inputs, capacity, "sequence");
    return this.#record(`a prompt of ${capacity} tokens`, create, (forward) => forward.programs(true));
  }

  /** The logits of every token: only those who ask for them pay for their memory. */
  #allRows({ residual, capacity }: Forward): Promise<Head> {
    const rows = Math.min(capacity, this.#logitsRows);
    return this.#record(`the logits of ${capacity} tokens`, (inputs) =>
      createHead(inputs, residual, { rows, lastOnly: false }),
    );
  }

  /** Records programs when they are first needed; when that fails it may be tried again. */
  #record<T extends Forward | Head | Slots>(
    name: string,
    create: (inputs: ForwardInputs) => T,
    begin?: (recorded: T) => Promise<unknown>,
  ): Promise<T> {
    let recorded = this.#recorded.get(name) as Promise<T> | undefined;
    if (!recorded) {
      recorded = this.#recordIn(name, create, begin);
      this.#recorded.set(name, recorded);
      recorded.catch(() => this.#recorded.delete(name));
    }
    return recorded;
  }

  /**
   * Records programs, whose tensors are in a pool of their own; when that fails, nothing stays allocated.
   *
   * @param begin - what all users of it need: begun at once, and not waited for
   */
  async #recordIn<T>(
    name: string,
    create: (inputs: ForwardInputs) => T,
    begin?: (recorded: T) => Promise<unknown>,
  ): Promise<T> {
    const device = this.#device;
    const pool = this.#newPool(device);
    let begun: Promise<unknown> | undefined;
    try {
      const recorded = create({ ...this.#inputs, pool });
      begun = begin?.(recorded).catch(() => {}); // Whoever needs it hears of it.
      // A GPU says only now whether it had room: before anything is computed there.
      await device.settled();
      return recorded;
    } catch (error) {
      const { byteLength } = pool;
      await begun;
      this.#disposePool(pool);
      throw await this.#explain(error, name, byteLength);
    }
  }

  /** Of memory that was lacking, says for what, and how much was asked for; other errors stay as they are. */
  async #explain(error: unknown, name: string, asked: number): Promise<unknown> {
    if (!(error instanceof OutOfMemoryError)) return error;
    await forgetFailures(this.#device);
    const { kind, name: deviceName, allocatedByteLength: kept } = this.#device;
    const { allocatedByteLength, maxByteLength } = error;
    const facts = `no room to compute ${name}: ${asked} bytes were asked for beside the ${kept} that ${kind} ${deviceName} has given`;
    return new OutOfMemoryError(
      `${facts} (${error.message}); dispose what is not needed any more, or load with quantize to have smaller weights`,
      { cause: error, allocatedByteLength, maxByteLength },
    );
  }

  #disposePool(pool: TensorPool): void {
    const index = this.#pools.indexOf(pool);
    if (index >= 0) this.#pools.splice(index, 1);
    pool.dispose();
  }

  #newPool(device: Device): TensorPool {
    const pool = new TensorPool(device);
    this.#pools.push(pool);
    return pool;
  }
}

function isSampled(sequence: Sequence): sequence is SampledSequence {
  return "sampling" in sequence;
}

/** The last `times` ids of each slot, whose first so many were chosen before. */
async function chosenIds(slots: Slots, before: readonly number[], times: number): Promise<Uint32Array[]> {
  const starts = [...before];
  const rings = await slots.readChosen(starts.length);
  return starts.map((start, slot) =>
    Uint32Array.from(
      { length: times },
      (_, i) => rings[slot * MAX_RUN_STEPS + ((start + i) % MAX_RUN_STEPS)] as number,
    ),
  );
}

/** Throws unless there are ids and all are in the vocabulary. */
export function checkIds(ids: ArrayLike<number>, vocab: number): void {
  if (typeof ids?.length !== "number") {
    throw new PromptError(`token ids: expected an array of numbers, found ${ids === null ? "null" : typeof ids}`);
  }
  if (ids.length === 0) throw new PromptError("the prompt holds no tokens; give at least one id, or some text");
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    if (typeof id !== "number") {
      throw new PromptError(`token id at position ${i}: expected a number, found the ${typeof id} ${String(id)}`);
    }
    if (Number.isInteger(id) && id >= 0 && id < vocab) continue;
    throw new PromptError(
      `token id ${id} at position ${i} is out of range: this model's ids are 0 to ${vocab - 1}; ` +
        "encode the text with the model's own tokenizer",
    );
  }
}
