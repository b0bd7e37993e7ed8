/**
 * A place in a text: what the model remembers of the tokens so far, always in the same number of bytes. Its ids are kept besides, four
 * bytes each, so that it can be computed again where the device it is on is lost.
 */
import { DisposedError } from "@blackmamba/tensor";
import type { DeviceModel } from "./device/device-model.ts";
import { isLoss, type RenewableModel } from "./device/renewable-model.ts";
import { PromptError, StateError } from "./errors.ts";
import type { Sequence } from "./forward/sequence.ts";
import { decodeState, encodeState } from "./state-file.ts";
import { TokenIds } from "./token-ids.ts";

/** Options of `advance`. */
export interface AdvanceOptions {
  /** Ends it between two chunks, on the CPU also within one; a state left in the middle cannot be used further. */
  readonly signal?: AbortSignal | undefined;
}

/** Consumes ids of a sequence. */
type TakeIds<T> = (model: DeviceModel, sequence: Sequence) => Promise<T>;

/** Where a state is. */
interface Place {
  readonly model: DeviceModel;
  readonly sequence: Sequence;
}

/** What a state was loaded from: it may have to be once more. */
interface Origin {
  readonly values: readonly Float32Array[];
  readonly position: number;
}

/** A state while a text is made from it: nobody else can use it meanwhile. */
export interface HeldState {
  /** Tokens consumed. */
  readonly position: number;
  /** Gives an empty sequence what the state is. */
  copyTo(model: DeviceModel, sequence: Sequence, signal: AbortSignal | undefined): Promise<void>;
  /**
   * Has the state be what a sequence has come to by these ids.
   *
   * @param sequence - one of its own from now on; left out, it is computed from the ids when it is needed
   */
  replace(ids: ArrayLike<number>, model: DeviceModel, sequence: Sequence | undefined): Promise<void>;
  /** Lets others use it. */
  release(): void;
}

/** Made by `model.createState()`, which begins empty, and by `model.loadState(bytes)`. */
export class ModelState {
  readonly #renewable: RenewableModel;
  readonly #origin: Origin | undefined;
  /** Since its origin. */
  readonly #ids: TokenIds;
  /** Where it was used last; nowhere before its first use. */
  #place: Place | undefined;
  /** Why its ids do not say what it is, if they do not. */
  #flaw: string | undefined;
  /** Calls on a state wait for each other, also for one that begins again; `undefined` while there is none. */
  #turn: Promise<unknown> | undefined;
  #disposed = false;
  /** Why it never came to be, if it did not. */
  #failure: unknown;
  /** Clones of it that are being made. None rejects. */
  readonly #copies = new Set<Promise<void>>();

  /** @internal */
  constructor(renewable: RenewableModel, origin?: Origin, ids: ArrayLike<number> = []) {
    this.#renewable = renewable;
    this.#origin = origin;
    this.#ids = new TokenIds(ids);
  }

  /** Tokens consumed by the calls that have ended. */
  get position(): number {
    return (this.#origin?.position ?? 0) + this.#ids.length;
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
    const take: TakeIds<Float32Array> = ({ engine }, sequence) => engine.advance(sequence, ids, signal);
    return ModelState.consume(this.#renewable, this, "advance", ids, take, signal);
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
      ModelState.#requireUsable(renewable, [state], call);
      const keep = (model: DeviceModel, sequence: Sequence) =>
        ModelState.#keep(model, [{ state, sequence, ids }], () => take(model, sequence));
      return state.#use(keep, signal);
    });
  }

  /**
   * Logits [vocab] of the token after those that it has consumed: what `advance` has given last.
   *
   * @throws StateError for an empty state
   */
  logits(): Promise<Float32Array> {
    return this.#useAlone((model, sequence) => model.engine.logits(sequence));
  }

  /** Another state that is where this one is, once the calls before have ended; from then on they have nothing to do with each other. */
  clone(): ModelState {
    this.#assertUsable();
    const clone = new ModelState(this.#renewable, this.#origin, this.#ids.all);
    const copy = async (model: DeviceModel, sequence: Sequence) => {
      const own = model.engine.createSequence();
      try {
        await model.engine.copySequence(sequence, own);
      } catch (error) {
        await model.engine.disposeSequence(own);
        throw error;
      }
      clone.#place = { model, sequence: own };
      // Calls before it may have consumed some more.
      clone.#ids.append(this.#ids.all.subarray(clone.#ids.length));
      clone.#flaw = this.#flaw;
      if (clone.#disposed) await model.engine.disposeSequence(own);
    };
    const copied = ModelState.#inTurn([this, clone], () => this.#use(copy)).catch((error: unknown) => {
      // Whoever uses it hears of it.
      clone.#failure = error;
    });
    this.#copies.add(copied);
    copied.then(() => this.#copies.delete(copied));
    return clone;
  }

  /**
   * The state as bytes, as many after any number of tokens: about 2.6 MB for BlackMamba-1.5B. `model.loadState` takes them, here or
   * on another machine, also on another kind of device. They hold numbers that were computed from the text, and not the text.
   */
  save(): Promise<Uint8Array> {
    return this.#useAlone(async (model, sequence) => {
      const { position } = this;
      const values = await model.engine.readState(sequence);
      const lengths = model.engine.stateLengths;
      const written = values ?? lengths.map((length) => new Float32Array(length));
      return encodeState({ fingerprint: model.fingerprint, position, values: written });
    });
  }

  /**
   * A state of bytes that {@link save} has made.
   *
   * @internal
   */
  static load(renewable: RenewableModel, { engine, fingerprint }: DeviceModel, bytes: Uint8Array): ModelState {
    const { position, values } = decodeState(bytes, fingerprint, engine.stateLengths);
    return position === 0 ? new ModelState(renewable) : new ModelState(renewable, { position, values });
  }

  /**
   * Frees the state's memory, once a step that is under way is done and all clones have been made; other calls that wait fail. Safe to call
   * twice.
   */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.all(this.#copies);
    if (this.#place) await this.#place.model.engine.disposeSequence(this.#place.sequence);
  }

  /**
   * Keeps the state for one text, once the calls before have ended.
   *
   * @internal
   */
  static async hold(renewable: RenewableModel, state: ModelState): Promise<HeldState> {
    if (!(state instanceof ModelState)) throw new StateError("option state: expected a state of this model");
    ModelState.#requireUsable(renewable, [state], "option state");
    let release = () => {};
    const isReleased = new Promise<void>((resolve) => {
      release = resolve;
    });
    await new Promise<void>((begin, fail) => {
      ModelState.#inTurn([state], async () => {
        begin();
        await isReleased;
      }).catch(fail);
    });
    try {
      state.#assertUsable();
    } catch (error) {
      release();
      throw error;
    }
    return {
      get position() {
        return state.position;
      },
      copyTo: async (model, sequence, signal) => {
        const own = state.#sequenceOn(model) ?? (await state.#moveTo(model, signal));
        await model.engine.copySequence(own, sequence);
      },
      replace: async (ids, model, sequence) => {
        const before = state.#place;
        state.#place = sequence && { model, sequence };
        state.#ids.append(ids);
        if (before) await before.model.engine.disposeSequence(before.sequence);
        if (state.#disposed && sequence) await model.engine.disposeSequence(sequence);
      },
      release,
    };
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
      ModelState.#requireUsable(renewable, [state], "profile");
      return state.#use(async (model, sequence) => {
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
      ModelState.#requireUsable(renewable, states, "advanceAll");
      return renewable.use(async (model) => {
        const sequences: Sequence[] = [];
        for (const state of states) sequences.push(state.#sequenceOn(model) ?? (await state.#moveTo(model, signal)));
        const steps = states.map((state, i) => ({
          state,
          sequence: sequences[i] as Sequence,
          ids: [ids[i] as number],
        }));
        return ModelState.#keep(model, steps, () => model.engine.advanceAll(sequences, ids, signal));
      }, signal);
    });
  }

  #useAlone<T>(run: (model: DeviceModel, sequence: Sequence) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return ModelState.#inTurn([this], async () => {
      this.#assertUsable();
      return this.#use(run, signal);
    });
  }

  /** In its turn: does something with its sequence on the model there is, or on the next. */
  #use<T>(run: (model: DeviceModel, sequence: Sequence) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#renewable.use(async (model) => {
      const sequence = this.#sequenceOn(model);
      // At once where it is there: calls reach the engine in the order in which they are made.
      return sequence ? run(model, sequence) : this.#moveTo(model, signal).then((moved) => run(model, moved));
    }, signal);
  }

  /** Its sequence on a model, unless it has to be loaded or computed again for that. */
  #sequenceOn(model: DeviceModel): Sequence | undefined {
    if (!this.#place && this.position === 0) this.#place = { model, sequence: model.engine.createSequence() };
    return this.#place?.model === model ? this.#place.sequence : undefined;
  }

  /** Loads it, or computes it again, on another model. */
  async #moveTo(model: DeviceModel, signal: AbortSignal | undefined): Promise<Sequence> {
    if (this.#flaw !== undefined) {
      throw new StateError(
        `this state was on a device that was lost, and cannot be computed again, as ${this.#flaw}; start a new one`,
      );
    }
    const { engine } = model;
    const sequence = engine.createSequence();
    try {
      if (this.#origin) await engine.writeState(sequence, this.#origin.values, this.#origin.position);
      if (this.#ids.length > 0) await engine.visit(sequence, this.#ids.all, {}, signal);
      if (this.#copies.size === 0) this.#assertUsable();
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

  static #requireUsable(renewable: RenewableModel, states: readonly ModelState[], call: string): void {
    if (!states.every((state) => state.#renewable === renewable)) {
      const expected = states.length === 1 ? "a state" : "states";
      throw new StateError(`${call}: expected ${expected} of this model, found one of another`);
    }
    for (const state of states) state.#assertUsable();
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("state");
    if (this.#failure !== undefined) throw this.#failure;
  }
}
