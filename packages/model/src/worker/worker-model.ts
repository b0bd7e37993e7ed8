/**
 * The model, through a worker: what it computes never holds up the page.
 */
import { DisposedError } from "@blackmamba/tensor";
import type { ForwardOptions } from "../blackmamba.ts";
import type { ModelConfig } from "../config/config.ts";
import type { ModelDescription } from "../describe.ts";
import { WorkerError } from "../errors.ts";
import type { LookupDraftOptions } from "../generate/draft/draft.ts";
import type { GenerateOptions } from "../generate/generate.ts";
import type { BatchToken, GenerateBatchOptions } from "../generate/generate-batch.ts";
import type { GeneratedToken, GenerateResult } from "../generate/token.ts";
import type { LoadOptions } from "../load-model.ts";
import type { ParameterCount } from "../parameters.ts";
import type { ForwardProfile, ProfileOptions } from "../profile.ts";
import type { ScoreOptions, Scores } from "../score.ts";
import type { FetchOptions } from "../source/locate.ts";
import type { ModelSource } from "../source/open-model.ts";
import type { Trace, TraceOptions } from "../trace.ts";
import { Connection } from "./connection.ts";
import { createWorker } from "./create-worker.ts";
import type { ModelMethods } from "./model-methods.ts";
import type { LoadedModel, WorkerDevice } from "./protocol.ts";
import { checkDevice, checkOptions, sendableSource, type UnsendableOption } from "./sendable.ts";
import { type WorkerTokenizer, workerTokenizer } from "./worker-tokenizer.ts";

/** Where a worker comes from. */
export interface WorkerOptions {
  /**
   * Makes the worker, for bundlers that do not find it: one of which all that it runs is
   * `import "@blackmamba/model/worker/entry"`.
   */
  readonly worker?: (() => Worker) | undefined;
}

/** As `FetchOptions`, less what cannot be given to a worker. */
export interface WorkerFetchOptions extends Omit<FetchOptions, "hub">, WorkerOptions {
  /** The hub, its cache and its access token, as in `FetchOptions`. */
  readonly hub?: Omit<NonNullable<FetchOptions["hub"]>, "fetch"> | undefined;
}

/** Options of {@link BlackMamba.load}: those of the model without a worker, less what cannot be given to one. */
export interface WorkerLoadOptions extends Omit<LoadOptions, "device" | keyof FetchOptions>, WorkerFetchOptions {
  /** The worker opens it: `"auto"` (the default) takes a hardware GPU if there is one, else the CPU. */
  readonly device?: Extract<LoadOptions["device"], string> | undefined;
}

/**
 * As `GenerateOptions`, less what cannot be given to a worker: a `state` and a `cache` are on the model's own device, and
 * `logitProcessors` would have to answer across threads for each token.
 */
export interface WorkerGenerateOptions extends Omit<GenerateOptions, UnsendableOption | "draft"> {
  /** Guesses at what comes, from the text itself: another model is not in this worker. */
  readonly draft?: LookupDraftOptions | undefined;
}

/** As `GenerateBatchOptions`, less what cannot be given to a worker: `cache` and `logitProcessors`. */
export interface WorkerGenerateBatchOptions extends Omit<GenerateBatchOptions, UnsendableOption> {}

/** Memory of a model in a worker. */
export interface WorkerMemory {
  /** Bytes that are allocated for tensors on its device now. */
  readonly allocatedByteLength: number;
}

/**
 * A BlackMamba in a worker of its own. It has the methods of the model without a worker, less states to step through
 * yourself, prefix caches and batchers.
 *
 * Everything that was asked of a worker that ends, or that the browser ends, rejects with a `WorkerError`.
 *
 * @example
 * ```ts
 * const model = await BlackMamba.load("./models/storyteller/");
 * for await (const { text } of model.generate("Once upon a time")) output.append(text);
 * await model.dispose();
 * ```
 */
export class BlackMamba {
  /** `undefined` where the source has none: then prompts are ids. */
  readonly tokenizer: WorkerTokenizer | undefined;
  readonly #connection: Connection<ModelMethods>;
  #facts: LoadedModel;
  #disposing: Promise<void> | undefined;

  private constructor(connection: Connection<ModelMethods>, facts: LoadedModel) {
    this.tokenizer = facts.tokenizer && workerTokenizer(connection, facts.tokenizer);
    this.#connection = connection;
    this.#facts = facts;
  }

  get config(): ModelConfig {
    return this.#facts.config;
  }

  /** What the worker runs the model on: another one, once it was lost and the model was loaded again. */
  get device(): WorkerDevice {
    return this.#facts.device;
  }

  /** One line on which device was taken and why. */
  get deviceReason(): string {
    return this.#facts.deviceReason;
  }

  /** Number of parameters, in all and used for each token. */
  get parameters(): ParameterCount {
    return this.#facts.parameters;
  }

  /** Bytes of the weights on the device, in all and read for each token. */
  get byteLength(): ParameterCount {
    return this.#facts.byteLength;
  }

  /** Tokens of a prompt that are computed together. */
  get prefillChunk(): number {
    return this.#facts.prefillChunk;
  }

  /**
   * Starts a worker and loads a model in it.
   *
   * @param source - as the model without a worker takes it, less range sources; an address may be relative to the page. Bytes are
   *   copied, Blobs and Files are not
   * @throws WorkerError where no worker can be had; OptionError naming what cannot be copied into it; and what loading without a
   *   worker throws: errors of `@blackmamba/model` and `tensor` in their classes, those of other packages as a `CodedError` with
   *   their `code`
   */
  static async load(source: ModelSource, options: WorkerLoadOptions = {}): Promise<BlackMamba> {
    const { worker, ...others } = options;
    checkDevice(others.device);
    const sendable = sendableSource(source);
    const connection = await connect({ worker, signal: others.signal });
    let model: BlackMamba | undefined;
    const onRenewed = (facts: LoadedModel) => {
      if (model) model.#facts = facts;
    };
    try {
      model = new BlackMamba(connection, await connection.call("load", sendable, { ...others, onRenewed }));
      return model;
    } catch (error) {
      connection.close(error);
      throw error;
    }
  }

  /**
   * Logits after every token of a text, from an empty state.
   *
   * @param ids - at least one id
   * @returns [tokens × vocab], row-major: row t predicts token t + 1
   */
  async logits(ids: ArrayLike<number>, options?: ForwardOptions): Promise<Float32Array> {
    return this.#connection.call("logits", ids, options);
  }

  /**
   * How likely each token of a text is after those before it, from an empty state.
   *
   * @param ids - at least one id
   * @returns for each id, at its own index, the natural logarithm of its probability, and whether it is the likeliest; none (NaN) for
   *   the first
   */
  async score(ids: ArrayLike<number>, options?: Omit<ScoreOptions, "state">): Promise<Scores> {
    return this.#connection.call("score", ids, options);
  }

  /**
   * What happens inside, from an empty state: the residual stream after each layer, each router's choice, and the hidden attention
   * of each Mamba, unless `hiddenAttention` is false.
   *
   * @param ids - at least one id
   */
  async trace(ids: ArrayLike<number>, options?: TraceOptions): Promise<Trace> {
    return this.#connection.call("trace", ids, options);
  }

  /** Where the time of a forward pass goes, from an empty state. */
  async profile(options?: Omit<ProfileOptions, "state">): Promise<ForwardProfile> {
    return this.#connection.call("profile", undefined, options);
  }

  /**
   * Continues a prompt, token by token, until `maxTokens` or the end of the text.
   *
   * @param prompt - text, or ids
   * @returns at its end why it ended there
   * @throws OptionError naming an option that cannot be given to a worker: `state`, `cache`, `logitProcessors` or `draft.model`
   */
  async *generate(
    prompt: string | ArrayLike<number>,
    options?: WorkerGenerateOptions,
  ): AsyncGenerator<GeneratedToken, GenerateResult, undefined> {
    checkOptions(options);
    return yield* this.#connection.stream("generate", prompt, options);
  }

  /**
   * Continues several prompts together, which takes little longer than one alone. The n-th is as `generate` would continue it
   * with the seed `seed + n`, but for rounding; of `n` samples each, sample s of prompt p with the seed `seed + p * n + s`.
   *
   * @param prompts - texts, or ids of each
   * @returns at its end why each text ended: sample s of prompt p at p * n + s
   * @throws OptionError naming an option that cannot be given to a worker: `cache` or `logitProcessors`
   */
  async *generateBatch(
    prompts: readonly (string | ArrayLike<number>)[],
    options?: WorkerGenerateBatchOptions,
  ): AsyncGenerator<BatchToken, readonly GenerateResult[], undefined> {
    checkOptions(options);
    return yield* this.#connection.stream("generateBatch", prompts, options);
  }

  /** How much memory the worker's device has given to tensors. */
  async memory(): Promise<WorkerMemory> {
    return this.#connection.call("memory", undefined);
  }

  /**
   * Frees all memory the model holds on the device, and ends the worker. What is under way rejects with a `DisposedError`. Safe to
   * call twice.
   */
  async dispose(): Promise<void> {
    this.#disposing ??= this.#dispose();
    await this.#disposing;
  }

  async #dispose(): Promise<void> {
    const disposed = new DisposedError("model");
    try {
      this.#connection.cancel(disposed);
      await this.#connection.call("dispose", undefined);
    } catch (error) {
      // A worker that is gone has freed everything.
      if (!(error instanceof WorkerError)) throw error;
    } finally {
      this.#connection.close(disposed);
    }
  }
}

/**
 * Describes a model, in a worker that ends with it. Reads its configuration and the table of its tensors, and checks that they
 * belong together.
 *
 * @throws the same errors as {@link BlackMamba.load}, those about devices excepted
 */
export async function describeModel(source: ModelSource, options: WorkerFetchOptions = {}): Promise<ModelDescription> {
  const { worker, ...others } = options;
  const sendable = sendableSource(source);
  const connection = await connect({ worker, signal: others.signal });
  try {
    return await connection.call("describe", sendable, others);
  } finally {
    connection.close(new DisposedError("worker"));
  }
}

function connect({
  worker = createWorker as () => Worker,
  signal,
}: WorkerOptions & { readonly signal?: AbortSignal | undefined }): Promise<Connection<ModelMethods>> {
  signal?.throwIfAborted();
  return Connection.open<ModelMethods>(worker, signal);
}
