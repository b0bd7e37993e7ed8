/**
 * A place in a text: what the model remembers of the tokens so far, always in the same number of bytes.
 */
import { PromptError, StateError } from "./errors.ts";
import type { Engine, Sequence } from "./forward/engine.ts";

/** Options of `advance`. */
export interface AdvanceOptions {
  /** Ends it between two chunks, on the CPU also within one; a state left in the middle cannot be used further. */
  readonly signal?: AbortSignal | undefined;
}

/** Made by `model.createState()`; begins empty. */
export class ModelState {
  readonly #engine: Engine;
  readonly #sequence: Sequence;

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#sequence = engine.createSequence();
  }

  /** Tokens consumed so far. */
  get position(): number {
    return this.#sequence.position;
  }

  /** Bytes of the state on the device: the same after any number of tokens. */
  get byteLength(): number {
    return this.#engine.stateByteLength;
  }

  /**
   * Consumes ids, a prompt or a single token.
   *
   * @param ids - at least one, each from 0 to vocab − 1
   * @returns logits [vocab] of the token after the last
   * @throws PromptError for no ids, or ids out of range
   */
  async advance(ids: ArrayLike<number>, { signal }: AdvanceOptions = {}): Promise<Float32Array> {
    return this.#engine.advance(this.#sequence, ids, signal);
  }

  /**
   * What the engine knows a state of its own by, for profiling.
   *
   * @internal
   */
  static sequenceOf(engine: Engine, state: ModelState): Sequence {
    if (state.#engine !== engine) throw new StateError("profile: expected a state of this model, found one of another");
    return state.#sequence;
  }

  /**
   * Consumes one id for each of several states of one engine.
   *
   * @internal
   */
  static async advanceAll(
    engine: Engine,
    states: readonly ModelState[],
    ids: ArrayLike<number>,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    if (states.length !== ids?.length) {
      throw new PromptError(`advanceAll: expected an id for each of ${states.length} states, found ${ids?.length} ids`);
    }
    if (new Set(states).size < states.length) {
      throw new StateError(
        "advanceAll: expected states that differ, found one of them twice; each takes one id at a time",
      );
    }
    if (states.some((state) => state.#engine !== engine)) {
      throw new StateError("advanceAll: expected states of this model, found one of another");
    }
    return engine.advanceAll(
      states.map((state) => state.#sequence),
      ids,
      signal,
    );
  }

  /** Frees the state's memory, once a step that is under way is done; those that wait fail. Safe to call twice. */
  async dispose(): Promise<void> {
    await this.#engine.disposeSequence(this.#sequence);
  }
}
