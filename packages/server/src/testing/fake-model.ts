/**
 * A model that computes nothing: each next token depends on the prompt alone, so that a text that got mixed up with another shows.
 * Its batcher has places, an order, steps that take time, and gives up its places at an abort, as the real one. For tests only.
 */
import { setTimeout } from "node:timers/promises";
import type { FinishReason, GeneratedToken, GenerateOptions, GenerateResult, PrefixCache } from "@blackmamba/model";
import { createByteTokenizer } from "@blackmamba/tokenizer";
import type { ServedBatcher, ServedModel, ServedTokenizer } from "../served-model.ts";

/** Bytes, and a token that begins prompts. */
export const BOS = 256;
export const VOCAB = 257;

const bytes = createByteTokenizer();

export const fakeTokenizer: ServedTokenizer = {
  encode: (text) => text.split("<s>").flatMap((part, index) => [...(index > 0 ? [BOS] : []), ...bytes.encode(part)]),
  decode: (ids) => {
    let text = "";
    let run: number[] = [];
    for (const id of ids) {
      if (id !== BOS) {
        run.push(id);
        continue;
      }
      text += `${bytes.decode(run)}<s>`;
      run = [];
    }
    return text + bytes.decode(run);
  },
  addBosToken: true,
  bosToken: "<s>",
  bosTokenId: BOS,
  eosToken: "<s>",
};

export interface FakeModelOptions {
  /** What a step takes. Default 0: a turn of the event loop. */
  readonly stepMs?: number;
  /** Thrown after so many tokens of every text. */
  readonly failure?: { readonly error: unknown; readonly after: number };
  /** Where the model ends its texts by itself. */
  readonly length?: number;
}

export interface FakeModel extends ServedModel {
  /** What the batcher was asked for, in order. */
  readonly calls: { readonly ids: readonly number[]; readonly options: GenerateOptions }[];
  /** The last batcher. */
  readonly batcher: ServedBatcher;
  /** The size it was made with. */
  readonly batchSize: number;
}

export function fakeModel(options: FakeModelOptions = {}): FakeModel {
  const calls: FakeModel["calls"] = [];
  let batcher: FakeBatcher | undefined;
  return {
    calls,
    get batcher() {
      return batcher as ServedBatcher;
    },
    get batchSize() {
      return batcher?.batchSize ?? 0;
    },
    tokenizer: fakeTokenizer,
    config: { vocab: VOCAB },
    device: { kind: "cpu" },
    createBatcher({ batchSize = 1 }) {
      batcher = new FakeBatcher(batchSize, options, calls);
      return batcher;
    },
    createPrefixCache: () => ({ hitTokens: 3, missedTokens: 4, byteLength: 5, dispose: async () => {} }) as PrefixCache,
  };
}

/** The text that the model gives to a prompt when nothing ends it earlier: letters that the prompt decides. */
export function fakeText(ids: readonly number[], length: number, seed = 0): string {
  let hash = seed;
  for (const id of ids) hash = (Math.imul(hash, 31) + id) >>> 0;
  return Array.from(
    { length },
    (_, at) => "abcdefghijklmnopqrstuvwxyz "[((hash >>> 5) + at * (1 + (hash % 7))) % 27],
  ).join("");
}

/** The log-probability that the model gives to any token. */
export function fakeLogprob(id: number): number {
  return -1 - id / 1000;
}

class FakeBatcher implements ServedBatcher {
  readonly batchSize: number;
  readonly #options: FakeModelOptions;
  readonly #calls: FakeModel["calls"];
  #waiting: (() => void)[] = [];
  active = 0;

  constructor(batchSize: number, options: FakeModelOptions, calls: FakeModel["calls"]) {
    this.batchSize = batchSize;
    this.#options = options;
    this.#calls = calls;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async *generate(
    prompt: ArrayLike<number>,
    options: GenerateOptions,
  ): AsyncGenerator<GeneratedToken, GenerateResult, undefined> {
    const ids = Array.from(prompt);
    this.#calls.push({ ids, options });
    const { signal } = options;
    await this.#enter(signal);
    try {
      for (const token of this.#echo(ids, options)) yield token;
      const { text, finishReason } = this.#plan(ids, options);
      for (let at = 0; at < text.length; at++) {
        await setTimeout(this.#options.stepMs ?? 0, undefined, signal && { signal });
        if (this.#options.failure?.after === at) throw this.#options.failure.error;
        yield this.#token(text.charCodeAt(at), text[at] as string, options, true);
      }
      return { finishReason };
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      this.#leave();
    }
  }

  async dispose(): Promise<void> {
    if (this.active + this.waiting > 0) throw new Error("disposed of while texts are under way");
  }

  #echo(ids: readonly number[], options: GenerateOptions): GeneratedToken[] {
    if (options.echo !== true) return [];
    return ids.map((id, at) => ({
      ...this.#token(id, fakeTokenizer.decode([id]), options, at > 0),
      isPrompt: true as const,
    }));
  }

  #plan(ids: readonly number[], options: GenerateOptions): { text: string; finishReason: FinishReason } {
    const { maxTokens = 200, stop = [], seed, minTokens = 0 } = options;
    const ownLength = Math.max(minTokens, this.#options.length ?? Number.POSITIVE_INFINITY);
    let text = fakeText(ids, Math.min(maxTokens, ownLength), seed);
    let finishReason: FinishReason = ownLength < maxTokens ? "stop" : "length";
    const stops = [stop]
      .flat()
      .map((each) => text.indexOf(each))
      .filter((index) => index >= 0);
    if (stops.length > 0) {
      text = text.slice(0, Math.min(...stops));
      finishReason = "stop";
    }
    return { text, finishReason };
  }

  #token(id: number, text: string, { logprobs }: GenerateOptions, hasLogprob: boolean): GeneratedToken {
    if (logprobs === undefined || !hasLogprob) return { id, text };
    const top = Array.from({ length: logprobs }, (_, at) => ({ id: 65 + at, logprob: -0.5 - at }));
    return { id, text, logprob: fakeLogprob(id), topLogprobs: top };
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.active >= this.batchSize) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        signal?.addEventListener("abort", () => {
          this.#waiting = this.#waiting.filter((each) => each !== resolve);
          reject(signal.reason);
        });
      });
      return;
    }
    this.active += 1;
  }

  /** A place goes to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.active -= 1;
  }
}
