/**
 * The state of a server: whether its model is there, what is under way, and how it ends. Knows nothing of HTTP: `create-server.ts` does.
 */
import { NoTokenizerError, type PrefixCache } from "@blackmamba/model";
import { Admission } from "./admission.ts";
import { NotReadyError } from "./errors.ts";
import { Exchanges } from "./exchange.ts";
import { DEFAULT_LIMITS, type RequestLimits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Generate, ServedBatcher, ServedModel, ServedTokenizer } from "./served-model.ts";

/** What a server is doing. */
export type ServerState = "loading" | "ready" | "failed" | "shutting down";

export interface ServingOptions {
  readonly batchSize: number;
  readonly queueSize: number;
  readonly prefixCacheByteLength: number;
  readonly limits: Partial<RequestLimits>;
}

/** A model that is ready to make texts. */
interface Loaded {
  readonly tokenizer: ServedTokenizer;
  readonly vocab: number;
  readonly generate: Generate;
  readonly batcher: ServedBatcher;
  readonly cache: PrefixCache | undefined;
}

/** A model, and what is asked of it. */
export class Serving {
  readonly admission: Admission;
  readonly exchanges = new Exchanges();
  readonly limits: RequestLimits;
  /** Resolves when the model is there; rejects with why it is not. */
  readonly ready: Promise<void>;
  #state: ServerState = "loading";
  #loaded: Loaded | undefined;

  constructor(model: ServedModel | Promise<ServedModel>, options: ServingOptions, metrics: Metrics) {
    const { batchSize, queueSize, limits } = options;
    this.admission = new Admission({ batchSize, queueSize });
    const wanted = { ...DEFAULT_LIMITS, ...limits };
    this.limits = { ...wanted, choices: Math.min(wanted.choices, batchSize + queueSize) };
    this.ready = this.#start(model, options, metrics);
    // Whoever asks learns of a failure; nobody has to.
    this.ready.catch(() => {});
  }

  get state(): ServerState {
    return this.#state;
  }

  /** @throws NotReadyError */
  get loaded(): Loaded {
    if (this.#state !== "ready" || !this.#loaded) throw new NotReadyError(this.#state);
    return this.#loaded;
  }

  /** Takes nothing more, and waits for what is under way; after `deadlineMs` that is ended. */
  async close(deadlineMs: number): Promise<void> {
    this.#state = "shutting down";
    const deadline = setTimeout(() => this.exchanges.abortAll(new NotReadyError("shutting down")), deadlineMs);
    await this.exchanges.idle();
    clearTimeout(deadline);
    const loaded = this.#loaded;
    this.#loaded = undefined;
    await loaded?.batcher.dispose();
    await loaded?.cache?.dispose();
  }

  async #start(model: ServedModel | Promise<ServedModel>, options: ServingOptions, metrics: Metrics): Promise<void> {
    try {
      const served = await model;
      // It came too late.
      if (this.#state !== "loading") return;
      const { tokenizer, config, device } = served;
      if (!tokenizer) {
        throw new NoTokenizerError("the model was loaded without a tokenizer: expected one, as requests are texts");
      }
      const { batchSize, prefixCacheByteLength: maxByteLength } = options;
      const cache = maxByteLength > 0 ? served.createPrefixCache({ maxByteLength }) : undefined;
      const batcher = served.createBatcher({ batchSize });
      metrics.watch(batcher, cache);
      // On a processor nothing has to be compiled.
      if (device.kind === "webgpu") await warmUp(batcher, config.vocab, batchSize);
      if (this.#state !== "loading") {
        await batcher.dispose();
        return;
      }
      const generate: Generate = (prompt, text) => batcher.generate(prompt, { ...text, cache });
      this.#loaded = { tokenizer, vocab: config.vocab, generate, batcher, cache };
      this.#state = "ready";
    } catch (error) {
      if (this.#state === "loading") this.#state = "failed";
      throw error;
    }
  }
}

/**
 * Has texts made before anybody asks for some, one and then as many as there can be at once: what a device has to compile for that it
 * compiles now, and not while somebody waits.
 */
async function warmUp(batcher: ServedBatcher, vocab: number, batchSize: number): Promise<void> {
  const prompt = [Math.min(1, vocab - 1)];
  const text = async (index: number) => {
    // Those that draw, and those that take the likeliest.
    const sampling = index % 2 === 0 ? { temperature: 0 } : { temperature: 1, topP: 0.95, seed: index };
    for await (const _ of batcher.generate(prompt, { ...sampling, maxTokens: 3 }));
  };
  for (const count of new Set([1, Math.min(8, batchSize), batchSize])) {
    await Promise.all(Array.from({ length: count }, (_, index) => text(index)));
  }
}
