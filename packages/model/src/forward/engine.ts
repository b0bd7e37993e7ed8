/**
 * Runs the forward pass over any number of tokens, one sequence at a time, in chunks of bounded memory.
 *
 * Programs are recorded once, against one resident state. A sequence's state is copied in when it is its turn and out when
 * another's comes, which costs nothing while there is only one.
 */
import { type Device, DisposedError, type PreparedProgram, type Tensor, TensorPool } from "@blackmamba/tensor";
import { OptionError, PromptError, StateError } from "../errors.ts";
import { createForward, createHead, type Forward, type ForwardInputs, type Head } from "./forward.ts";
import { createLayerStates, type LayerStates, stateTensors } from "./state.ts";

/**
 * Tokens of a prompt that are computed together: enough for each expert to have some, and so few that the largest published
 * model's intermediate results take 30 MB.
 */
export const PREFILL_CHUNK = 256;

/** Memory for the logits of many tokens at once; with the largest vocabulary (50,304) that is 166 tokens. */
const MAX_LOGITS_BYTE_LENGTH = 32 << 20;

/** A sequence in progress. */
export interface Sequence {
  readonly states: LayerStates;
  readonly pool: TensorPool;
  /** Tokens consumed so far. */
  position: number;
  /** Set while a chunk is under way, and left so when it fails: then the state is in the middle of a token. */
  broken: boolean;
  disposed: boolean;
}

/** What happens between a chunk's layers and after it; see {@link Engine.visit}. */
export interface Visitor {
  /** After the embedding (−1) and each layer, with the residual stream [tokens, hidden] of this chunk. */
  layer?(index: number, tokens: number, forward: Forward): Promise<void>;
  /** The logits [tokens, vocab] of this chunk. */
  logits?(logits: Float32Array): void;
}

type EngineInputs = Omit<ForwardInputs, "pool">;

/** Owns what all sequences of a model share: recorded programs, scratch, and the resident state. */
export class Engine {
  readonly #inputs: EngineInputs;
  readonly #residentTensors: readonly Tensor[];
  readonly #sequences = new Set<Sequence>();
  #owner: Sequence | undefined;
  #disposed = false;
  /** Everything but the sequences' states. */
  readonly #pools: TensorPool[] = [];
  readonly #recorded = new Map<string, Promise<Forward | Head>>();
  /** Steps run one after another: they share scratch and the resident state. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(inputs: Omit<EngineInputs, "state">) {
    const state = createLayerStates(this.#newPool(inputs.device), inputs.config);
    this.#inputs = { ...inputs, state };
    this.#residentTensors = stateTensors(state);
  }

  /** A sequence before its first token. */
  createSequence(): Sequence {
    const { device, config } = this.#inputs;
    const pool = new TensorPool(device);
    const sequence = { states: createLayerStates(pool, config), pool, position: 0, broken: false, disposed: false };
    this.#sequences.add(sequence);
    return sequence;
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
      let logits: Float32Array = new Float32Array(0);
      await this.#eachChunk(sequence, ids, PREFILL_CHUNK, signal, async (forward, tokens, isLast) => {
        const { program, logits: last } = forward.last;
        await this.#device.run(isLast ? [...forward.programs, program] : forward.programs, { tokens, signal });
        if (isLast) logits = await this.#device.read(last);
      });
      return logits;
    });
  }

  /** Consumes ids and shows the visitor what it asks for on the way. */
  visit(sequence: Sequence, ids: ArrayLike<number>, visitor: Visitor, signal?: AbortSignal): Promise<void> {
    const chunk = visitor.logits ? Math.min(PREFILL_CHUNK, this.#logitsRows) : PREFILL_CHUNK;
    const visitChunk = async (forward: Forward, tokens: number) => {
      if (visitor.layer) {
        for (const [index, program] of forward.programs.entries()) {
          await this.#device.run([program], { tokens, signal });
          await visitor.layer(index - 1, tokens, forward);
        }
      } else {
        await this.#device.run(forward.programs, { tokens, signal });
      }
      if (!visitor.logits) return;
      const { program, logits } = tokens === 1 ? forward.last : await this.#allRows();
      await this.#device.run([program], { tokens, signal });
      visitor.logits(await this.#device.read(logits, tokens));
    };
    return this.#exclusively(sequence, () => this.#eachChunk(sequence, ids, chunk, signal, visitChunk));
  }

  /**
   * Hands over the programs of a step over so many tokens of one sequence, its state in place, for measuring. They may be run
   * any number of times; what the sequence holds then is a state, but no text's.
   */
  withPrograms<T>(
    sequence: Sequence,
    tokens: number,
    use: (programs: readonly PreparedProgram[]) => Promise<T>,
  ): Promise<T> {
    if (!(Number.isInteger(tokens) && tokens >= 1 && tokens <= PREFILL_CHUNK)) {
      throw new OptionError("tokens", `a whole number from 1 to ${PREFILL_CHUNK}`, tokens);
    }
    return this.#exclusively(sequence, async () => {
      const forward = await (tokens === 1 ? this.#decodeForward() : this.#prefillForward());
      this.#takeTurn(sequence);
      // Ids all over the vocabulary: one alone would have one expert for all tokens.
      const { vocab } = this.#inputs.config;
      await this.#device.write(
        forward.ids,
        Uint32Array.from({ length: tokens }, (_, i) => (i * 7919) % vocab),
      );
      return use([...forward.programs, forward.last.program]);
    });
  }

  /**
   * Frees scratch, logits and all states, once the step that is under way is done; those that wait for their turn fail. The
   * weights belong to the model.
   */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#turn;
    await Promise.allSettled(this.#recorded.values());
    // Prepared programs hold on to what they were prepared for.
    this.#recorded.clear();
    for (const { pool } of this.#sequences) pool.dispose();
    for (const pool of this.#pools) pool.dispose();
  }

  get #device(): Device {
    return this.#inputs.device;
  }

  get #logitsRows(): number {
    return Math.max(1, Math.floor(MAX_LOGITS_BYTE_LENGTH / 4 / this.#inputs.config.vocab));
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
    if (sequence.broken) {
      throw new StateError("this state was left in the middle of a token by an abort or a failure; start a new one");
    }
    for (let start = 0; start < ids.length; start += chunk) {
      const part = Uint32Array.from({ length: Math.min(chunk, ids.length - start) }, (_, i) => Number(ids[start + i]));
      const tokens = part.length;
      const forward = await (tokens === 1 ? this.#decodeForward() : this.#prefillForward());
      signal?.throwIfAborted();
      sequence.broken = true;
      this.#takeTurn(sequence);
      await this.#device.write(forward.ids, part);
      await each(forward, tokens, start + tokens === ids.length);
      sequence.position += tokens;
      sequence.broken = false;
    }
  }

  /** Puts a sequence's state where the programs find it. */
  #takeTurn(sequence: Sequence): void {
    if (this.#owner === sequence) return;
    if (this.#owner) this.#copyAll(this.#residentTensors, stateTensors(this.#owner.states));
    this.#copyAll(stateTensors(sequence.states), this.#residentTensors);
    this.#owner = sequence;
  }

  #copyAll(from: readonly Tensor[], to: readonly Tensor[]): void {
    for (const [index, tensor] of from.entries()) this.#device.copy(tensor, to[index] as Tensor);
  }

  /** Waits for the steps before, whether they failed or not. */
  #exclusively<T>(sequence: Sequence, step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      if (this.#disposed) throw new DisposedError("model");
      if (sequence.disposed) throw new DisposedError("state");
      return step();
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  #decodeForward(): Promise<Forward> {
    return this.#record("decode", (inputs) => createForward(inputs, 1, "each"));
  }

  #prefillForward(): Promise<Forward> {
    return this.#record("prefill", (inputs) => createForward(inputs, PREFILL_CHUNK, "sequence"));
  }

  /** The logits of every token: only those who ask for them pay for their memory. */
  async #allRows(): Promise<Head> {
    const { residual } = await this.#prefillForward();
    const rows = Math.min(PREFILL_CHUNK, this.#logitsRows);
    return this.#record("logits", (inputs) => createHead(inputs, residual, { rows, lastOnly: false }));
  }

  /** Records programs when they are first needed; when that fails, nothing stays allocated and it may be tried again. */
  #record<T extends Forward | Head>(name: string, create: (inputs: ForwardInputs) => Promise<T>): Promise<T> {
    let recorded = this.#recorded.get(name) as Promise<T> | undefined;
    if (!recorded) {
      const pool = this.#newPool(this.#device);
      recorded = create({ ...this.#inputs, pool });
      this.#recorded.set(name, recorded);
      recorded.catch(() => {
        this.#recorded.delete(name);
        pool.dispose();
      });
    }
    return recorded;
  }

  #newPool(device: Device): TensorPool {
    const pool = new TensorPool(device);
    this.#pools.push(pool);
    return pool;
  }
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
