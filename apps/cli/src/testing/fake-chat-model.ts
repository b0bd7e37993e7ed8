/**
 * A model whose states remember every id, and whose next byte depends on all of them: two states give the same text only if they
 * have read the same. For tests only.
 */
import { createByteTokenizer } from "@blackmamba/tokenizer";
import type { Model, State } from "../library.ts";

export interface FakeChatModelOptions {
  /** Tokens at the end of a text that its state has not consumed when it ends. Default 0. */
  readonly lag?: number;
  /** Called before each token of an answer, with the number of those before. */
  readonly onToken?: (count: number) => void | Promise<void>;
  /** Answers end after so many tokens, if they end before `maxTokens`. */
  readonly endsAfter?: number;
}

export interface FakeChatModel extends Omit<Model, "score" | "fingerprint" | "generateBatch"> {
  /** Ids that were read or advanced, of all calls: what a session costs. */
  readonly costs: number[];
  /** Seeds that were asked for. */
  readonly seeds: (number | undefined)[];
  /** States that are not disposed. */
  live(): number;
  /** What a model says that has read this text, in so many bytes. */
  continuation(text: string, tokens: number): string;
}

interface Shared {
  readonly costs: number[];
  readonly live: Set<FakeState>;
}

class FakeState implements State {
  readonly byteLength = 1000;
  readonly #shared: Shared;
  #ids: number[];
  #isHeld = false;

  constructor(shared: Shared, ids: readonly number[] = []) {
    this.#shared = shared;
    this.#ids = [...ids];
    shared.live.add(this);
  }

  get position(): number {
    return this.#ids.length;
  }

  async advance(ids: ArrayLike<number>): Promise<void> {
    this.#assertUsable();
    if (ids.length === 0) throw new Error("nothing to advance by");
    this.#shared.costs.push(ids.length);
    this.#ids.push(...Array.from(ids));
  }

  clone(): FakeState {
    this.#assertUsable();
    return new FakeState(this.#shared, this.#ids);
  }

  async save(): Promise<Uint8Array> {
    this.#assertUsable();
    return Uint8Array.from([0xfa, ...this.#ids]);
  }

  async dispose(): Promise<void> {
    this.#shared.live.delete(this);
  }

  /** Nobody else can use it until it is released. */
  hold(): number[] {
    this.#assertUsable();
    this.#isHeld = true;
    return [...this.#ids];
  }

  /** @param ids - all that it has read by now */
  release(ids: readonly number[]): void {
    this.#isHeld = false;
    this.#ids = [...ids];
  }

  #assertUsable(): void {
    if (this.#isHeld) throw new Error("a state was used while a text was made from it");
    if (!this.#shared.live.has(this)) throw new Error("a state was used after it was disposed");
  }
}

const decoder = new TextDecoder();

export function fakeChatModel({ lag = 0, onToken, endsAfter = Infinity }: FakeChatModelOptions = {}): FakeChatModel {
  const shared: Shared = { costs: [], live: new Set() };
  const seeds: (number | undefined)[] = [];
  const tokenizer = createByteTokenizer();

  return {
    tokenizer,
    parameters: { total: 100, active: 60 },
    costs: shared.costs,
    seeds,
    live: () => shared.live.size,
    continuation(text, tokens) {
      const ids = tokenizer.encodePrompt(text);
      const start = ids.length;
      while (ids.length < start + tokens) ids.push(nextByte(ids, 0));
      return decoder.decode(Uint8Array.from(ids.slice(start)));
    },
    createState: () => new FakeState(shared),
    async loadState(bytes) {
      if (bytes[0] !== 0xfa)
        throw Object.assign(new Error("the saved state: of another model"), { code: "ERR_STATE_FILE" });
      return new FakeState(shared, [...bytes.subarray(1)]);
    },
    async *generate(prompt, { state, signal, maxTokens = 200, stop = [], seed } = {}) {
      const own = state as FakeState;
      seeds.push(seed);
      const before = own.hold();
      const ids = [...before, ...Array.from(prompt as ArrayLike<number>)];
      if (ids.length === 0) throw new Error("nothing to go on from");
      shared.costs.push(prompt.length);
      let text = "";
      let told = 0;
      try {
        for (let count = 0; count < Math.min(maxTokens, endsAfter); count += 1) {
          await onToken?.(count);
          signal?.throwIfAborted();
          const id = nextByte(ids, seed ?? 0);
          ids.push(id);
          text += String.fromCharCode(id);
          // As the real one, it has read the stop text before it knows.
          if ([...stop].some((each) => text.includes(each))) return { finishReason: "stop" };
          told += 1;
          yield { id, text: String.fromCharCode(id) };
        }
        return { finishReason: told < maxTokens ? "stop" : "length" };
      } finally {
        own.release(ids.slice(0, Math.max(before.length, ids.length - lag)));
      }
    },
    dispose: async () => {},
  };
}

/** A small letter or a space. */
function nextByte(ids: readonly number[], seed: number): number {
  let hash = seed;
  for (const id of ids) hash = (Math.imul(hash, 31) + id + 7) | 0;
  return " abcdefghijklmnopqrstuvwxyz".charCodeAt(((hash % 27) + 27) % 27);
}
