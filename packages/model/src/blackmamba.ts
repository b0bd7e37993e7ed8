/**
 * The model: loads a checkpoint onto a device, computes logits, generates text.
 */
import { type Device, type DeviceChoice, DisposedError, selectDevice, type Tensor } from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { ModelConfig } from "./config/config.ts";
import { NoTokenizerError, OptionError, PromptError } from "./errors.ts";
import { checkIds, Engine } from "./forward/engine.ts";
import { type GeneratedToken, type GenerateOptions, generateTokens } from "./generate/generate.ts";
import { ModelState } from "./model-state.ts";
import { countParameters, type ParameterCount } from "./parameters.ts";
import { type ModelSource, openModel } from "./source.ts";
import { type Trace, traceForward } from "./trace.ts";
import { disposeWeights, type LoadProgress, loadWeights, presentWeights } from "./weights/load-weights.ts";
import { type ModelTable, weightTable } from "./weights/weight-table.ts";

/** Options of {@link BlackMamba.load}. */
export interface LoadOptions {
  /**
   * `"auto"` (the default) takes a hardware GPU if there is one, else the CPU. A device that you made is not disposed with
   * the model, and several models may share it.
   */
  readonly device?: DeviceChoice | Device | undefined;
  /** Ends loading; the promise rejects with the signal's reason, and nothing stays allocated. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each tensor. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** Options of {@link BlackMamba.logits} and {@link BlackMamba.trace}. */
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
  readonly #weights: ModelTable<Tensor>;
  readonly #engine: Engine;
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
    this.#weights = weights;
    this.#engine = new Engine({ device: parts.device, config: parts.config, weights });
    this.#ownsDevice = ownsDevice;
  }

  /**
   * Loads a model.
   *
   * @param source - a folder with `config.json`, `pytorch_model.bin` or `model.safetensors`, and `tokenizer.json`; or
   *   those files as bytes, Blobs or range sources
   * @throws ModelFileError, ModelConfigError, ModelWeightsError, CheckpointError, NoDeviceError: each names what is wrong
   */
  static async load(
    source: ModelSource,
    { device = "auto", signal, onProgress }: LoadOptions = {},
  ): Promise<BlackMamba> {
    signal?.throwIfAborted();
    const { config, checkpoint, tokenizer } = await openModel(source, signal);
    try {
      const ownsDevice = typeof device === "string";
      if (!ownsDevice && typeof device?.createTensor !== "function") {
        throw new OptionError("device", '"auto", "webgpu", "cpu" or a device', device);
      }
      const selected = ownsDevice ? await selectDevice(device) : { device, reason: `${device.kind}: as given` };
      try {
        const table = weightTable(config);
        const weights = await loadWeights(selected.device, checkpoint, table, { signal, onProgress });
        const parameters = countParameters(presentWeights(checkpoint, table));
        const parts = { config, tokenizer, device: selected.device, deviceReason: selected.reason, parameters };
        try {
          return new BlackMamba(parts, weights, ownsDevice);
        } catch (error) {
          disposeWeights(weights);
          throw error;
        }
      } catch (error) {
        if (ownsDevice) await selected.device.dispose();
        throw error;
      }
    } finally {
      await checkpoint.close();
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
   * What happens inside, from an empty state: the residual stream after each layer and each router's choice.
   *
   * @param ids - at least one id
   */
  async trace(ids: ArrayLike<number>, { signal }: ForwardOptions = {}): Promise<Trace> {
    this.#assertUsable();
    return this.#withSequence((sequence) =>
      traceForward(this.#engine, this.device, this.config, sequence, ids, signal),
    );
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
    const promptIds = typeof prompt === "string" ? this.#encode(prompt) : prompt;
    checkIds(promptIds, this.config.vocab);
    const state = this.createState();
    try {
      yield* generateTokens({ state, promptIds, tokenizer: this.tokenizer }, options);
    } finally {
      await state.dispose();
    }
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

  async #withSequence<T>(use: (sequence: ReturnType<Engine["createSequence"]>) => Promise<T>): Promise<T> {
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
