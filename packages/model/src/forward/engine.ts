/**
 * Runs the forward pass over any number of tokens, one sequence at a time, in chunks of bounded memory.
 *
 * Programs are recorded once, against one resident state. A sequence's state is copied in when it is its turn and out when
 * another's comes, which costs nothing while there is only one.
 */
import { type Device, DisposedError, type Tensor, TensorPool } from "@blackmamba/tensor";
import { PromptError, StateError } from "../errors.ts";
import { createForward, createHead, type Forward, type ForwardInputs, type Head } from "./forward.ts";
import { createLayerStates, type LayerStates, stateTensors } from "./state.ts";

/**
 * Tokens of a prompt that are computed together. More would use a GPU no better, but need more memory: at 256 the largest
 * published model's intermediate results take 30 MB.
 */
export const PREFILL_CHUNK = 256;

/** Memory for the logits of many tokens at once; with the largest vocabulary (50,304) that is 166 tokens. */
const MAX_LOGITS_BYTE_LENGTH = 32 << 20;

/** A sequence in progress. */
export interface Sequence {
  readonly states: LayerStates;
  /** Tokens consumed so far. */
  position: number;
  /** Set while a chunk is under way, and left so when it fails: then the state is in the middle of a token. */
  broken: boolean;
}

/** What happens between a chunk's layers and after it; see {@link Engine.visit}. */
export interface Visitor {
  /** After the embedding (−1) and each layer, with the residual stream [tokens, hidden] of this chunk. */
  layer?(index: number, tokens: number, forward: Forward): Promise<void>;
  /** The logits [tokens, vocab] of this chunk. */
  logits?(logits: Float32Array): void;
}

export class Engine {
  readonly #inputs: ForwardInputs;
  readonly #residentTensors: readonly Tensor[];
  readonly #sequences = new Set<Sequence>();
  #owner: Sequence | undefined;
  #disposed = false;
  #decode: Promise<Forward> | undefined;
  #prefill: Promise<Forward> | undefined;
  #allLogits: Promise<Head> | undefined;
  /** Steps run one after another: they share scratch and the resident state. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(inputs: Omit<ForwardInputs, "state" | "pool">) {
    const pool = new TensorPool(inputs.device);
    const state = createLayerStates(pool, inputs.config);
    this.#inputs = { ...inputs, pool, state };
    this.#residentTensors = stateTensors(state);
  }

  /** A sequence before its first token. */
  createSequence(): Sequence {
    const { device, config } = this.#inputs;
    const sequence = { states: createLayerStates(device, config), position: 0, broken: false };
    this.#sequences.add(sequence);
    return sequence;
  }

  /** Frees a sequence's state. */
  disposeSequence(sequence: Sequence): void {
    this.#sequences.delete(sequence);
    if (this.#owner === sequence) this.#owner = undefined;
    for (const tensor of stateTensors(sequence.states)) tensor.storage.dispose();
  }

  /**
   * Consumes ids.
   *
   * @returns logits [vocab] of the token after the last
   */
  advance(sequence: Sequence, ids: ArrayLike<number>, signal?: AbortSignal): Promise<Float32Array> {
    return this.#exclusively(async () => {
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
    return this.#exclusively(() => this.#eachChunk(sequence, ids, chunk, signal, visitChunk));
  }

  /** Frees scratch, logits and all states. The weights belong to the model. */
  dispose(): void {
    this.#disposed = true;
    for (const sequence of this.#sequences) this.disposeSequence(sequence);
    this.#inputs.pool.dispose();
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
  #exclusively<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      if (this.#disposed) throw new DisposedError("model");
      return step();
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  #decodeForward(): Promise<Forward> {
    this.#decode ??= createForward(this.#inputs, 1);
    return this.#decode;
  }

  #prefillForward(): Promise<Forward> {
    this.#prefill ??= createForward(this.#inputs, PREFILL_CHUNK);
    return this.#prefill;
  }

  /** The logits of every token: only those who ask for them pay for their memory. */
  #allRows(): Promise<Head> {
    this.#allLogits ??= this.#prefillForward().then(({ residual }) => {
      const rows = Math.min(PREFILL_CHUNK, this.#logitsRows);
      return createHead(this.#inputs, residual, { rows, lastOnly: false });
    });
    return this.#allLogits;
  }
}

/** Throws unless there are ids and all are in the vocabulary. */
function checkIds(ids: ArrayLike<number>, vocab: number): void {
  if (ids.length === 0) throw new PromptError("the prompt holds no tokens; give at least one id, or some text");
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (Number.isInteger(id) && Number(id) >= 0 && Number(id) < vocab) continue;
    throw new PromptError(`token id ${id} at position ${i} is out of range: this model's ids are 0 to ${vocab - 1}`);
  }
}
