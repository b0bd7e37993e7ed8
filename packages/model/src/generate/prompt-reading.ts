/**
 * Reads a prompt into a sequence, part by part: from an empty state, from one that was given, or from what a cache has of its beginning.
 */
import type { DeviceModel } from "../device/device-model.ts";
import type { Sequence } from "../forward/sequence.ts";
import type { HeldState } from "../model-state.ts";
import type { PrefixCache } from "../prefix-cache.ts";

/** Where a prompt is read from. */
export interface PromptStart {
  /** It continues what this state has read. */
  readonly state?: HeldState | undefined;
  readonly cache?: PrefixCache | undefined;
}

/** A prompt that is being read. */
export class PromptReading {
  readonly #model: DeviceModel;
  readonly #sequence: Sequence;
  readonly #ids: Uint32Array;
  readonly #cache: PrefixCache | undefined;
  /** Where to stop on the way, to keep the state. */
  readonly #stop: number | undefined;
  #done: number;

  /**
   * Gives an empty sequence the state that the prompt is read from.
   *
   * @param ids - all that is to be read; none only where there is a state
   */
  static async begin(
    model: DeviceModel,
    sequence: Sequence,
    ids: Uint32Array,
    { state, cache }: PromptStart,
    signal: AbortSignal | undefined,
  ): Promise<PromptReading> {
    if (state) await state.copyTo(model, sequence, signal);
    // What a cache knows of begins at an empty state.
    if (!cache || (state && state.position > 0)) return new PromptReading(model, sequence, ids, undefined, 0);
    const { tokens, sharedTokens } = await cache.begin(model, ids, sequence);
    return new PromptReading(model, sequence, ids, cache, tokens, sharedTokens);
  }

  private constructor(
    model: DeviceModel,
    sequence: Sequence,
    ids: Uint32Array,
    cache: PrefixCache | undefined,
    done: number,
    stop?: number,
  ) {
    this.#model = model;
    this.#sequence = sequence;
    this.#ids = ids;
    this.#cache = cache;
    this.#done = done;
    this.#stop = stop;
  }

  /** Tokens that are still to be read. */
  get left(): number {
    return this.#ids.length - this.#done;
  }

  /**
   * Reads on.
   *
   * @param most - tokens at most, at least 1
   * @returns the last part once that is all that is left: it is for `engine.start` to read
   */
  async read(most: number, signal: AbortSignal | undefined): Promise<Uint32Array | undefined> {
    const stop = this.#stop !== undefined && this.#stop > this.#done ? this.#stop : this.#ids.length;
    const end = Math.min(this.#done + most, stop);
    const part = this.#ids.subarray(this.#done, end);
    if (end === this.#ids.length) return part;
    await this.#model.engine.visit(this.#sequence, part, {}, signal);
    this.#done = end;
    if (end === this.#stop) await this.#cache?.keep(this.#model, this.#ids.subarray(0, end), this.#sequence);
    return undefined;
  }

  /** To be called when the last part was read. */
  async end(): Promise<void> {
    this.#done = this.#ids.length;
    await this.#cache?.keep(this.#model, this.#ids, this.#sequence);
  }
}
