/**
 * A place in a text: what the model remembers of the tokens so far, always in the same number of bytes. Its ids are kept besides, four
 * bytes each, so that it can be computed again where the device it is on is lost.
 */
import { DisposedError } from "@blackmamba/tensor";
import type { DeviceModel } from "./device/device-model.ts";
import { isLoss, type RenewableModel } from "./device/renewable-model.ts";
import { PromptError, StateError } from "./errors.ts";
import type { Engine, Sequence } from "./forward/engine.ts";
import { TokenIds } from "./token-ids.ts";

/** Options of `advance`. */
export interface AdvanceOptions {
  /** Ends it between two chunks, on the CPU also within one; a state left in the middle cannot be used further. */
  readonly signal?: AbortSignal | undefined;
}

/** Consumes ids of a sequence. */
type TakeIds<T> = (engine: Engine, sequence: Sequence) => Promise<T>;

/** Where a state is. */
interface Place {
  readonly model: DeviceModel;
  readonly sequence: Sequence;
}

/** Made by `model.createState()`; begins empty. */
export class ModelState {
  readonly #renewable: RenewableModel;
  readonly #ids = new TokenIds();
  /** Where it was used last; nowhere before its first use. */
  #place: Place | undefined;
  /** Why its ids do not say what it is, if they do not. */
  #flaw: string | undefined;
  /** Calls on a state wait for each other, also for one that begins again; `undefined` while there is none. */
  #turn: Promise<unknown> | undefined;
  #disposed = false;

  /** @internal */
  constructor(renewable: RenewableModel) {
    this.#renewable = renewable;
  }

  /** Tokens consumed by the calls that have ended. */
  get position(): number {
    return this.#ids.length;
  }

  /** Bytes of the state on the device: the same after any number of tokens. */
  get byteLength(): number {
    return this.#renewable.current.engine.stateByteLength;
  }

  /**
   * Consumes ids, a prompt or a single token.
   *
   * @param ids - at least one, each from 0 to vocab − 1
   * @returns logits [vocab] of the token after the last
   * @throws PromptError for no ids, or ids out of range; StateError for a state that cannot go on
   */
  advance(ids: ArrayLike<number>, { signal }: AdvanceOptions = {}): Promise<Float32Array> {
    const step: TakeIds<Float32Array> = (engine, sequence) => engine.advance(sequence, ids, signal);
    return ModelState.consume(this.#renewable, this, "advance", ids, step, signal);
  }

  /**
   * Has a state consume ids, in whichever steps `take` makes of them.
   *
   * @internal
   */
  static consume<T>(
    renewable: RenewableModel,
    state: ModelState,
    call: string,
    ids: ArrayLike<number>,
    take: TakeIds<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return ModelState.#inTurn([state], async () => {
      ModelState.#requireOwn(renewable, [state], call);
      return renewable.use(async (model) => {
        const sequence = state.#sequenceOn(model) ?? (await state.#moveTo(model, signal));
        return ModelState.#keep(model, [{ state, sequence, ids }], () => take(model.engine, sequence));
      }, signal);
    });
  }

  /**
   * Does something with a state's sequence by which it takes ids of no text, for profiling.
   *
   * @internal
   */
  static measure<T>(
    renewable: RenewableModel,
    state: ModelState,
    use: (model: DeviceModel, sequence: Sequence) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return ModelState.#inTurn([state], async () => {
      ModelState.#requireOwn(renewable, [state], "profile");
      return renewable.use(async (model) => {
        const sequence = state.#sequenceOn(model) ?? (await state.#moveTo(model, signal));
        const flawBefore = state.#flaw;
        state.#flaw = "it was used for measuring";
        try {
          return await use(model, sequence);
        } catch (error) {
          if (isLoss(model, error)) state.#flaw = flawBefore;
          throw error;
        }
      }, signal);
    });
  }

  /**
   * Consumes one id for each of several states of one model.
   *
   * @internal
   */
  static advanceAll(
    renewable: RenewableModel,
    states: readonly ModelState[],
    ids: ArrayLike<number>,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    return ModelState.#inTurn(states, async () => {
      if (states.length !== ids?.length) {
        throw new PromptError(
          `advanceAll: expected an id for each of ${states.length} states, found ${ids?.length} ids`,
        );
      }
      if (new Set(states).size < states.length) {
        throw new StateError(
          "advanceAll: expected states that differ, found one of them twice; each takes one id at a time",
        );
      }
      ModelState.#requireOwn(renewable, states, "advanceAll");
      return renewable.use(async (model) => {
        const sequences: Sequence[] = [];
        for (const state of states) {
          sequences.push(state.#sequenceOn(model) ?? (await state.#moveTo(model, signal)));
        }
        const steps = states.map((state, i) => ({
          state,
          sequence: sequences[i] as Sequence,
          ids: [ids[i] as number],
        }));
        return ModelState.#keep(model, steps, () => model.engine.advanceAll(sequences, ids, signal));
      }, signal);
    });
  }

  /** Frees the state's memory, once a step that is under way is done; those that wait fail. Safe to call twice. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    if (this.#place) await this.#place.model.engine.disposeSequence(this.#place.sequence);
  }

  /** Its sequence on a model, unless it has to be computed again for that. */
  #sequenceOn(model: DeviceModel): Sequence | undefined {
    this.#assertUsable();
    if (!this.#place && this.#ids.length === 0) this.#place = { model, sequence: model.engine.createSequence() };
    return this.#place?.model === model ? this.#place.sequence : undefined;
  }

  /** Computes it again on another model. */
  async #moveTo(model: DeviceModel, signal: AbortSignal | undefined): Promise<Sequence> {
    if (this.#flaw !== undefined) {
      throw new StateError(
        `this state was on a device that was lost, and cannot be computed again, as ${this.#flaw}; start a new one`,
      );
    }
    const { engine } = model;
    const sequence = engine.createSequence();
    try {
      if (this.#ids.length > 0) await engine.visit(sequence, this.#ids.all, {}, signal);
      this.#assertUsable();
    } catch (error) {
      await engine.disposeSequence(sequence);
      throw error;
    }
    this.#place = { model, sequence };
    return sequence;
  }

  /** Takes a step of several states, and keeps the ids that each has consumed by it. */
  static async #keep<T>(
    model: DeviceModel,
    steps: readonly { readonly state: ModelState; readonly sequence: Sequence; readonly ids: ArrayLike<number> }[],
    step: () => Promise<T>,
  ): Promise<T> {
    const positions = steps.map(({ sequence }) => sequence.position);
    const keep = () => {
      for (const [i, { state, sequence, ids }] of steps.entries()) {
        state.#ids.append(ids, sequence.position - (positions[i] as number));
        if (sequence.broken) state.#flaw = "an abort or a failure had left it in the middle of a token";
      }
    };
    try {
      const result = await step();
      keep();
      return result;
    } catch (error) {
      // What a lost device has done is lost: the ids say what the state was before.
      if (!model.lost && !isLoss(model, error)) keep();
      throw error;
    }
  }

  /** Takes a step once all before it have ended, at once where there are none. */
  static #inTurn<T>(states: readonly ModelState[], step: () => Promise<T>): Promise<T> {
    const before = states.map((state) => state.#turn).filter((turn) => turn !== undefined);
    const result = before.length > 0 ? Promise.all(before).then(step) : step();
    const end = () => {
      for (const state of states) if (state.#turn === turn) state.#turn = undefined;
    };
    const turn: Promise<void> = result.then(end, end);
    for (const state of states) state.#turn = turn;
    return result;
  }

  static #requireOwn(renewable: RenewableModel, states: readonly ModelState[], call: string): void {
    if (states.every((state) => state.#renewable === renewable)) return;
    const expected = states.length === 1 ? "a state" : "states";
    throw new StateError(`${call}: expected ${expected} of this model, found one of another`);
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("state");
  }
}
