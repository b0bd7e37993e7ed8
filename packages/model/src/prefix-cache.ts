/**
 * States after prompts that were read before: a prompt that begins as one of them pays for the rest only. That is exact, as a state
 * holds all there is to know of what was read. Not here: who reads, see `generate/prompt-reading.ts`.
 */
import { DisposedError } from "@blackmamba/tensor";
import type { DeviceModel } from "./device/device-model.ts";
import { OptionError } from "./errors.ts";
import type { Sequence } from "./forward/sequence.ts";

/** Options of `model.createPrefixCache`. */
export interface PrefixCacheOptions {
  /** Most bytes of states on the device; what was used longest ago goes first. Default 256 MiB, about 100 states of BlackMamba-1.5B. */
  readonly maxByteLength?: number | undefined;
}

const DEFAULT_MAX_BYTE_LENGTH = 256 << 20;

/** What two prompts have to share for a state of its own, beyond what one that is kept spares them. */
const MIN_SHARED_TOKENS = 16;

/** A state after some ids. */
interface Entry {
  readonly ids: Uint32Array;
  readonly model: DeviceModel;
  readonly sequence: Sequence;
}

/** What a cache knows of a prompt. */
export interface PrefixMatch {
  /** Tokens of the prompt that need not be read: 0 for none. */
  readonly tokens: number;
  /** Beyond these, how many tokens it shares with another prompt: a place worth keeping a state of. */
  readonly sharedTokens: number | undefined;
}

/** Made by `model.createPrefixCache()`, and given to generations of that model, any number of them at once. */
export class PrefixCache {
  readonly maxByteLength: number;
  readonly #owner: unknown;
  /** The one that was used longest ago first. */
  readonly #entries = new Set<Entry>();
  #hits = 0;
  #misses = 0;
  #hitTokens = 0;
  #missedTokens = 0;
  #disposed = false;

  /** @internal */
  constructor(owner: unknown, { maxByteLength = DEFAULT_MAX_BYTE_LENGTH }: PrefixCacheOptions = {}) {
    if (!Number.isFinite(maxByteLength) || maxByteLength < 0) {
      throw new OptionError("maxByteLength", "a number of bytes of at least 0", maxByteLength);
    }
    this.maxByteLength = maxByteLength;
    this.#owner = owner;
  }

  /** States that are kept. */
  get entries(): number {
    return this.#entries.size;
  }

  /** Bytes of these on the device. */
  get byteLength(): number {
    return this.#byteLengthOf(this.#entries.size);
  }

  /** Prompts of which the beginning was there, and those of which it was not. */
  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  /** Tokens of prompts that were not read, as a state was there, and those that were. */
  get hitTokens(): number {
    return this.#hitTokens;
  }

  get missedTokens(): number {
    return this.#missedTokens;
  }

  /** Frees all states; prompts are then read from their beginning. Safe to call twice. */
  async clear(): Promise<void> {
    const entries = [...this.#entries];
    this.#entries.clear();
    for (const { model, sequence } of entries) await model.engine.disposeSequence(sequence);
  }

  /** As {@link clear}, for good. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.clear();
  }

  /**
   * Whether it is a cache of this model, and can be used.
   *
   * @internal
   */
  assertOf(owner: unknown): void {
    if (this.#disposed) throw new DisposedError("prefix cache");
    if (this.#owner !== owner) throw new OptionError("cache", "a prefix cache of this model", "that of another");
  }

  /**
   * Gives an empty sequence the state after as much of a prompt as there is one of.
   *
   * @internal
   */
  async begin(model: DeviceModel, ids: Uint32Array, sequence: Sequence): Promise<PrefixMatch> {
    let best: Entry | undefined;
    let shared = 0;
    for (const entry of this.#entries) {
      // Those of a device that was lost are gone.
      if (entry.model !== model) {
        this.#entries.delete(entry);
        continue;
      }
      const common = commonLength(entry.ids, ids);
      shared = Math.max(shared, common);
      if (common === entry.ids.length && common > (best?.ids.length ?? 0)) best = entry;
    }
    if (best) {
      this.#entries.delete(best);
      this.#entries.add(best);
      // It may have to go, or may not come to be, while its turn is waited for: then it is as if it had not been there.
      await model.engine.copySequence(best.sequence, sequence).catch((error: unknown) => {
        if (!(error instanceof DisposedError && best?.sequence.disposed)) throw error;
      });
      if (sequence.position !== best.ids.length) best = undefined;
    }
    const tokens = best?.ids.length ?? 0;
    if (best) this.#hits += 1;
    else this.#misses += 1;
    this.#hitTokens += tokens;
    this.#missedTokens += ids.length - tokens;
    const isWorth = shared >= tokens + MIN_SHARED_TOKENS && shared < ids.length;
    return { tokens, sharedTokens: isWorth ? shared : undefined };
  }

  /**
   * Keeps the state of a sequence that has read these ids, if there may be so much memory.
   *
   * @internal
   */
  async keep(model: DeviceModel, ids: Uint32Array, sequence: Sequence): Promise<void> {
    if (this.#disposed || model.engine.stateByteLength > this.maxByteLength) return;
    for (const { ids: kept } of this.#entries) {
      if (kept.length === ids.length && commonLength(kept, ids) === ids.length) return;
    }
    const { engine } = model;
    const own = engine.createSequence();
    const entry = { ids: ids.slice(), model, sequence: own };
    // All at once, before anything is waited for: two that read the same keep it once, and whoever finds it comes after this copy.
    const copied = engine.copySequence(sequence, own);
    this.#entries.add(entry);
    const dropped = this.#dropBeyondLimit();
    try {
      await copied;
    } catch (error) {
      this.#entries.delete(entry);
      const isDropped = own.disposed;
      await engine.disposeSequence(own);
      if (!isDropped) throw error;
    }
    for (const { model: on, sequence: old } of dropped) await on.engine.disposeSequence(old);
  }

  #byteLengthOf(entries: number): number {
    const [first] = this.#entries;
    return first ? entries * first.model.engine.stateByteLength : 0;
  }

  /** Takes out what was used longest ago, as much as there is too much. */
  #dropBeyondLimit(): Entry[] {
    const dropped: Entry[] = [];
    for (const entry of this.#entries) {
      if (this.byteLength <= this.maxByteLength) break;
      this.#entries.delete(entry);
      dropped.push(entry);
    }
    return dropped;
  }
}

/** How many ids two texts have in common from their beginnings. */
function commonLength(a: Uint32Array, b: Uint32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
