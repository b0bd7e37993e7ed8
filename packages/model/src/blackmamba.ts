/**
 * The model: loads a checkpoint onto a device, computes logits, generates text.
 */
import {
  type Device,
  type DeviceChoice,
  DisposedError,
  type QuantizedDType,
  type SelectedDevice,
  selectDevice,
  type Tensor,
} from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import { type ModelConfig, parseConfig } from "./config/config.ts";
import { NoTokenizerError, OptionError, PromptError } from "./errors.ts";
import { checkIds, Engine, type Sequence } from "./forward/engine.ts";
import { type GenerateOptions, generateTokens, limitsOf } from "./generate/generate.ts";
import { type BatchToken, type GenerateBatchOptions, generateBatchTokens } from "./generate/generate-batch.ts";
import { createPace, type Pace } from "./generate/pace.ts";
import { samplingOf } from "./generate/sampling.ts";
import type { GeneratedToken } from "./generate/text.ts";
import { ModelState } from "./model-state.ts";
import { countBytes, countParameters, type ParameterCount } from "./parameters.ts";
import { type ForwardProfile, type ProfileOptions, profileForward } from "./profile.ts";
import type { FetchOptions } from "./source/locate.ts";
import { type ModelSource, openModel } from "./source/open-model.ts";
import { type Trace, type TraceOptions, traceForward } from "./trace.ts";
import {
  checkWeights,
  disposeWeights,
  type LoadProgress,
  loadWeights,
  presentWeights,
} from "./weights/load-weights.ts";
import { type MakeWeight, madeWeights, makeWeights } from "./weights/make-weights.ts";
import { checkQuantize, quantizedWeights } from "./weights/quantized-weights.ts";
import { type ModelTable, weightTable } from "./weights/weight-table.ts";

/** Enough to read each weight for many tokens, and few enough for their states to be small beside the weights. */
const DEFAULT_BATCH_SIZE = 32;

/** Options of {@link BlackMamba.load}. */
export interface LoadOptions extends FetchOptions {
  /**
   * `"auto"` (the default) takes a hardware GPU if there is one, else the CPU. A device that you made is not disposed with
   * the model, and several models may share it.
   */
  readonly device?: DeviceChoice | Device | undefined;
  /**
   * Quantises the large matrices while they are loaded, to about a half (`"q8_0"`) or a quarter (`"q4_0"`) of bf16's bytes.
   * Routers, `dt_proj`, convolutions, A, D, norms and biases stay as they are, and so does what is as small already. By
   * default every matrix stays in the checkpoint's own type.
   */
  readonly quantize?: QuantizedDType | undefined;
  /** Ends loading; the promise rejects with the signal's reason, and nothing stays allocated. What was fetched stays in the cache. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each tensor. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** Options of {@link BlackMamba.create}. */
export interface CreateOptions extends Pick<LoadOptions, "device" | "signal"> {
  /** `config.json`, parsed. */
  readonly config: object;
  /** Called for each weight: says how it is made. */
  readonly makeWeight: MakeWeight;
}

/** Options of {@link BlackMamba.logits} and {@link BlackMamba.advanceAll}. */
export interface ForwardOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A BlackMamba on a device: Mamba layers and mixture-of-experts layers in turn (arXiv 2402.01771).
 *
 * @example
 * ```ts
 * const model = await BlackMamba.load("path/to/a/model");
 * for await (const { text } of model.generate("Once upon a time")) process.stdout.write(text);
 * await model.dispose();
 * ```
 */
export class BlackMamba {
  readonly config: ModelConfig;
  /** `undefined` where the source has none: then prompts are ids. */
  readonly tokenizer: Tokenizer | undefined;
  readonly device: Device;
  /** One line on which device was taken and why. */
  readonly deviceReason: string;
  /** Number of parameters, in all and used for each token. */
  readonly parameters: ParameterCount;
  /** Bytes of the weights on the device, in all and read for each token. */
  readonly byteLength: ParameterCount;
  readonly #weights: ModelTable<Tensor>;
  readonly #engine: Engine;
  readonly #paces = new Map<number, Pace>();
  readonly #ownsDevice: boolean;
  #disposed = false;

  private constructor(
    parts: Pick<BlackMamba, "config" | "tokenizer" | "device" | "deviceReason" | "parameters">,
    weights: ModelTable<Tensor>,
    ownsDevice: boolean,
  ) {
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.device = parts.device;
    this.deviceReason = parts.deviceReason;
    this.parameters = parts.parameters;
    this.byteLength = countBytes(weightTable(parts.config), weights);
    this.#weights = weights;
    this.#engine = new Engine({ device: parts.device, config: parts.config, weights });
    this.#ownsDevice = ownsDevice;
  }

  /**
   * Tokens of a prompt that are computed together: 1,024 for the published models on a GPU, fewer where these would take more
   * than 64 MiB, and 256 on a processor.
   */
  get prefillChunk(): number {
    return this.#engine.prefillChunk;
  }

  /**
   * Loads a model.
   *
   * @param source - a folder with `config.json`, `pytorch_model.bin` or `model.safetensors`, and `tokenizer.json`, or a GGUF file;
   *   given by its path, by its address, or by the name of a model on a hub, such as `"Zyphra/BlackMamba-1.5B"`, of which the
   *   files are kept in the hub's cache. Or those files as bytes, Blobs or range sources
   * @throws ModelFileError, ModelConfigError, ModelWeightsError, CheckpointError, NoDeviceError: each names what is wrong
   */
  static async load(
    source: ModelSource,
    { device = "auto", quantize, signal, onProgress, hub, onFetch }: LoadOptions = {},
  ): Promise<BlackMamba> {
    signal?.throwIfAborted();
    checkQuantize(quantize);
    const { config, checkpoint, tokenizer, complete } = await openModel(source, { hub, onFetch, signal });
    try {
      const table = weightTable(config);
      const stored = quantize ? quantizedWeights(checkpoint, table, quantize) : checkpoint;
      const parameters = countParameters(presentWeights(checkpoint, table));
      return await BlackMamba.#on(device, { config, tokenizer, parameters }, async (selected) => {
        checkWeights(checkpoint, table);
        // Begun first: what has to be fetched is then on its way before it is asked for.
        const completed = complete();
        completed.catch(() => {});
        const weights = await loadWeights(selected, stored, table, { signal, onProgress });
        try {
          await completed;
        } catch (error) {
          disposeWeights(weights);
          throw error;
        }
        return weights;
      });
    } finally {
      await checkpoint.close();
    }
  }

  /**
   * Makes a model without a file: of any shape, with weights that the caller makes on the device. It has no tokenizer, so
   * prompts are ids.
   *
   * @throws ModelConfigError, ModelWeightsError, NoDeviceError
   */
  static async create({ config: json, makeWeight, device = "auto", signal }: CreateOptions): Promise<BlackMamba> {
    signal?.throwIfAborted();
    const config = parseConfig(json, "config");
    const table = weightTable(config);
    const parts = { config, tokenizer: undefined, parameters: countParameters(madeWeights(table)) };
    return BlackMamba.#on(device, parts, (selected) => makeWeights(selected, table, makeWeight, signal));
  }

  /** Puts a model on a device; when that fails, nothing stays allocated. */
  static async #on(
    choice: DeviceChoice | Device,
    parts: Pick<BlackMamba, "config" | "tokenizer" | "parameters">,
    weigh: (device: Device) => Promise<ModelTable<Tensor>>,
  ): Promise<BlackMamba> {
    const { ownsDevice, device, reason: deviceReason } = await openDevice(choice);
    try {
      const weights = await weigh(device);
      try {
        return new BlackMamba({ ...parts, device, deviceReason }, weights, ownsDevice);
      } catch (error) {
        disposeWeights(weights);
        throw error;
      }
    } catch (error) {
      if (ownsDevice) await device.dispose();
      throw error;
    }
  }

  /**
   * Logits after every token of a text, from an empty state.
   *
   * @param ids - at least one id
   * @returns [tokens × vocab], row-major: row t predicts token t + 1
   */
  async logits(ids: ArrayLike<number>, { signal }: ForwardOptions = {}): Promise<Float32Array> {
    this.#assertUsable();
    checkIds(ids, this.config.vocab);
    const result = new Float32Array(ids.length * this.config.vocab);
    let end = 0;
    const append = (rows: Float32Array) => {
      result.set(rows, end);
      end += rows.length;
    };
    await this.#withSequence((sequence) => this.#engine.visit(sequence, ids, { logits: append }, signal));
    return result;
  }

  /**
   * What happens inside, from an empty state: the residual stream after each layer, each router's choice, and the hidden attention
   * of each Mamba, unless `hiddenAttention` is false.
   *
   * @param ids - at least one id
   * @throws PromptError for no ids, or one that is not in the vocabulary; OutOfMemoryError for a text too long for hidden attention
   */
  async trace(ids: ArrayLike<number>, options: TraceOptions = {}): Promise<Trace> {
    this.#assertUsable();
    const parts = { engine: this.#engine, device: this.device, config: this.config, weights: this.#weights };
    return this.#withSequence((sequence) => traceForward(parts, sequence, ids, options));
  }

  /**
   * Where the time of a forward pass goes: how long each kernel call takes, and all of them together. For measuring; see the
   * command `blackmamba bench`.
   */
  async profile(options: ProfileOptions = {}): Promise<ForwardProfile> {
    this.#assertUsable();
    const profile = (sequence: Sequence) => profileForward(this.#engine, this.device, sequence, options);
    return options.state ? profile(ModelState.sequenceOf(this.#engine, options.state)) : this.#withSequence(profile);
  }

  /**
   * Continues a prompt, token by token, until `maxTokens` or the end of the text. Several generations may run at once;
   * their tokens take turns.
   *
   * @param prompt - text, or ids
   */
  async *generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken, void, undefined> {
    this.#assertUsable();
    const promptIds = this.#promptIds(prompt);
    const { tokenizer } = this;
    const { signal } = options;
    const limits = limitsOf(options, tokenizer);
    const sampling = samplingOf(options)();
    const sequence = await this.#engine.createSampledSequence(promptIds, sampling);
    const source = {
      start: () => this.#engine.start(sequence, promptIds, signal),
      step: (times: number) => this.#engine.step(sequence, times, signal),
    };
    try {
      yield* generateTokens({ source, tokenizer, pace: this.#paceOf(1) }, limits, signal);
    } finally {
      await this.#engine.disposeSequence(sequence);
    }
  }

  /**
   * Continues several prompts together, which takes little longer than one alone. The n-th is as `generate` would continue it
   * with the seed `seed + n`, but for rounding.
   *
   * @param prompts - texts, or ids of each
   */
  async *generateBatch(
    prompts: readonly (string | ArrayLike<number>)[],
    { batchSize = DEFAULT_BATCH_SIZE, ...options }: GenerateBatchOptions = {},
  ): AsyncGenerator<BatchToken, void, undefined> {
    this.#assertUsable();
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new OptionError("batchSize", "a whole number of at least 1", batchSize);
    }
    const { tokenizer } = this;
    const inputs = {
      engine: this.#engine,
      prompts: prompts.map((prompt) => this.#promptIds(prompt)),
      samplingOf: samplingOf(options),
      tokenizer,
      pace: this.#paceOf(Math.min(batchSize, prompts.length)),
      batchSize,
    };
    yield* generateBatchTokens(inputs, limitsOf(options, tokenizer), options.signal);
  }

  /**
   * Consumes one id for each of several states, together.
   *
   * @param ids - one for each state
   * @returns for each state the logits [vocab] of the token after it
   */
  async advanceAll(
    states: readonly ModelState[],
    ids: ArrayLike<number>,
    { signal }: ForwardOptions = {},
  ): Promise<Float32Array[]> {
    this.#assertUsable();
    return ModelState.advanceAll(this.#engine, states, ids, signal);
  }

  /** A new, empty state: for stepping through tokens yourself. */
  createState(): ModelState {
    this.#assertUsable();
    return new ModelState(this.#engine);
  }

  /** Frees all memory the model holds on the device, and the device if the model made it. Safe to call twice. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#engine.dispose();
    disposeWeights(this.#weights);
    if (this.#ownsDevice) await this.device.dispose();
  }

  /** The pace of so many sequences together. */
  #paceOf(sequences: number): Pace {
    const pace = this.#paces.get(sequences) ?? createPace(this.device);
    this.#paces.set(sequences, pace);
    return pace;
  }

  #promptIds(prompt: string | ArrayLike<number>): ArrayLike<number> {
    const ids = typeof prompt === "string" ? this.#encode(prompt) : prompt;
    checkIds(ids, this.config.vocab);
    return ids;
  }

  #encode(prompt: string): number[] {
    const { tokenizer } = this;
    if (!tokenizer) {
      throw new NoTokenizerError(
        "the model was loaded without a tokenizer: put its tokenizer.json beside the weights, or give the prompt as ids",
      );
    }
    const ids = tokenizer.encodePrompt(prompt);
    if (ids.length > 0) return ids;
    // An empty prompt asks for a text from its beginning, which is what the start or end token stands for.
    const start = tokenizer.bosTokenId ?? tokenizer.endTokenId;
    if (start === undefined) throw new PromptError("the prompt is empty, and the tokenizer has no token to start from");
    return [start];
  }

  async #withSequence<T>(use: (sequence: Sequence) => Promise<T>): Promise<T> {
    const sequence = this.#engine.createSequence();
    try {
      return await use(sequence);
    } finally {
      await this.#engine.disposeSequence(sequence);
    }
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("model");
  }
}

/** The device that was asked for by name, or given; one that was opened here belongs to the model. */
async function openDevice(device: DeviceChoice | Device): Promise<SelectedDevice & { readonly ownsDevice: boolean }> {
  if (typeof device === "string") return { ...(await selectDevice(device)), ownsDevice: true };
  if (typeof device?.createTensor !== "function") {
    throw new OptionError("device", '"auto", "webgpu", "cpu" or a device', device);
  }
  return { device, reason: `${device.kind}: as given`, ownsDevice: false };
}
