/**
 * The model: loads a checkpoint onto a device, computes logits, generates text.
 */
import type { Device } from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { ModelConfig } from "./config/config.ts";
import type { DeviceModel } from "./device/device-model.ts";
import type { RenewableModel } from "./device/renewable-model.ts";
import { OptionError } from "./errors.ts";
import { checkIds } from "./forward/check-ids.ts";
import type { Visitor } from "./forward/engine.ts";
import type { Sequence } from "./forward/sequence.ts";
import { Batcher, type BatcherOptions, type PreparedText } from "./generate/batcher.ts";
import { type Drafter, type DraftOptions, draftTokens } from "./generate/draft/draft.ts";
import { ModelDrafter } from "./generate/draft/model-drafter.ts";
import { createPromptLookup } from "./generate/draft/prompt-lookup.ts";
import { DraftedIds } from "./generate/drafted-ids.ts";
import { echoTokens } from "./generate/echo.ts";
import { type GenerateOptions, generateTokens } from "./generate/generate.ts";
import {
  type BatchToken,
  DEFAULT_BATCH_SIZE,
  type GenerateBatchOptions,
  generateBatchTokens,
} from "./generate/generate-batch.ts";
import { checkCount, checkOptions, type PreparedModel, prepareText } from "./generate/prepare-text.ts";
import { SequenceIds } from "./generate/sequence-ids.ts";
import { TextProgress } from "./generate/text-progress.ts";
import type { GeneratedToken, GenerateResult } from "./generate/token.ts";
import { type CreateOptions, createModel, type LoadedModel, type LoadOptions, loadModel } from "./load-model.ts";
import { ModelState } from "./model-state.ts";
import type { ParameterCount } from "./parameters.ts";
import { PrefixCache, type PrefixCacheOptions } from "./prefix-cache.ts";
import { type ForwardProfile, type ProfileOptions, profileForward } from "./profile.ts";
import { type ScoreOptions, type Scores, scoreIds } from "./score.ts";
import type { ModelSource } from "./source/open-model.ts";
import { type Trace, type TraceOptions, traceForward } from "./trace.ts";

/** A draft of a model costs its time whether it is right or not. */
const DEFAULT_MODEL_DRAFT_TOKENS = 4;

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
  /** Number of parameters, in all and used for each token. */
  readonly parameters: ParameterCount;
  readonly #renewable: RenewableModel;

  private constructor({ config, tokenizer, parameters, renewable }: LoadedModel) {
    this.config = config;
    this.tokenizer = tokenizer;
    this.parameters = parameters;
    this.#renewable = renewable;
  }

  /** The device that the model is on: another one, once it was lost and the model was loaded again. */
  get device(): Device {
    return this.#renewable.current.device;
  }

  /**
   * Tells the model from others: 16 hexadecimal digits, made of its configuration and weights in the precision they are used in. The
   * same on every device; of a model that `create` has made, its own.
   */
  get fingerprint(): string {
    return this.#renewable.current.fingerprint;
  }

  /** One line on which device was taken and why. */
  get deviceReason(): string {
    return this.#renewable.current.reason;
  }

  /** Bytes of the weights on the device, in all and read for each token. */
  get byteLength(): ParameterCount {
    return this.#renewable.current.byteLength;
  }

  /**
   * Tokens of a prompt that are computed together: 1,024 for the published models on a GPU, fewer where these would take more
   * than 64 MiB, and 256 on a processor.
   */
  get prefillChunk(): number {
    return this.#renewable.current.engine.prefillChunk;
  }

  /**
   * Loads a model.
   *
   * @param source - a folder with `config.json`, `pytorch_model.bin` or `model.safetensors`, and `tokenizer.json`, or a GGUF file;
   *   given by its path, by its address, or by the name of a model on a hub, such as `"Zyphra/BlackMamba-1.5B"`, of which the
   *   files are kept in the hub's cache. Or those files as bytes, Blobs or range sources
   * @throws ModelFileError, ModelConfigError, ModelWeightsError, CheckpointError, NoDeviceError: each names what is wrong
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<BlackMamba> {
    return new BlackMamba(await loadModel(source, options));
  }

  /**
   * Makes a model without a file: of any shape, with weights that the caller makes on the device. It has no tokenizer, so
   * prompts are ids.
   *
   * @throws ModelConfigError, ModelWeightsError, NoDeviceError
   */
  static async create(options: CreateOptions): Promise<BlackMamba> {
    return new BlackMamba(await createModel(options));
  }

  /**
   * Logits after every token of a text, from an empty state.
   *
   * @param ids - at least one id
   * @returns [tokens × vocab], row-major: row t predicts token t + 1
   */
  async logits(ids: ArrayLike<number>, { signal }: ForwardOptions = {}): Promise<Float32Array> {
    this.#renewable.assertUsable();
    checkIds(ids, this.config.vocab);
    return this.#withSequence(async ({ engine }, sequence) => {
      const result = new Float32Array(ids.length * this.config.vocab);
      let end = 0;
      const append = (rows: Float32Array) => {
        result.set(rows, end);
        end += rows.length;
      };
      await engine.visit(sequence, ids, { logits: append }, signal);
      return result;
    }, signal);
  }

  /**
   * How likely each token of a text is after those before it: computed chunk by chunk, in memory that does not grow with the vocabulary
   * times the text.
   *
   * @param ids - at least one id
   * @returns for each id, at its own index, the natural logarithm of its probability, in float64 from the model's float32 logits, and
   *   whether it is the likeliest. The first has none (NaN), unless it continues what a state has read
   * @throws PromptError for no ids, or one that is not in the vocabulary; NumericError where the model computes NaN
   */
  async score(ids: ArrayLike<number>, options: ScoreOptions = {}): Promise<Scores> {
    this.#renewable.assertUsable();
    checkIds(ids, this.config.vocab);
    const { state, signal } = options;
    const take = (model: DeviceModel, sequence: Sequence) => this.#scoreOn(model, sequence, ids, options);
    return state
      ? ModelState.consume(this.#renewable, state, "score", ids, take, signal)
      : this.#withSequence(take, signal);
  }

  /**
   * What happens inside, from an empty state: the residual stream after each layer, each router's choice, and the hidden attention
   * of each Mamba, unless `hiddenAttention` is false.
   *
   * @param ids - at least one id
   * @throws PromptError for no ids, or one that is not in the vocabulary; OutOfMemoryError for a text too long for hidden attention
   */
  async trace(ids: ArrayLike<number>, options: TraceOptions = {}): Promise<Trace> {
    const { config } = this;
    return this.#withSequence(
      ({ engine, device, weights }, sequence) =>
        traceForward({ engine, device, config, weights }, sequence, ids, options),
      options.signal,
    );
  }

  /**
   * Where the time of a forward pass goes: how long each kernel call takes, and all of them together. For measuring; see the
   * command `blackmamba bench`.
   */
  async profile(options: ProfileOptions = {}): Promise<ForwardProfile> {
    const { state, signal } = options;
    const profile = ({ engine, device }: DeviceModel, sequence: Sequence) =>
      profileForward(engine, device, sequence, options);
    return state ? ModelState.measure(this.#renewable, state, profile, signal) : this.#withSequence(profile, signal);
  }

  /**
   * Continues a prompt, token by token, until `maxTokens` or the end of the text. Several generations may run at once;
   * their tokens take turns.
   *
   * @param prompt - text, or ids
   * @returns at its end why it ended there
   */
  async *generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerateResult, undefined> {
    const { inputs, echo } = await this.#prepare(prompt, options);
    const { limits, logitWork, signal } = inputs;
    const progress = new TextProgress(this.tokenizer, limits, logitWork);
    const source = await this.#idSource(inputs, options);
    try {
      yield* echo;
      const result = yield* generateTokens(source, progress, limits.maxTokens, signal);
      return source instanceof DraftedIds ? { ...result, draft: source.statistics } : result;
    } finally {
      await source.end(progress.told);
    }
  }

  /**
   * Continues several prompts together, which takes little longer than one alone. The n-th is as `generate` would continue it
   * with the seed `seed + n`, but for rounding; of `n` samples each, sample s of prompt p with the seed `seed + p * n + s`.
   *
   * @param prompts - texts, or ids of each
   * @returns at its end why each text ended: sample s of prompt p at p * n + s
   */
  async *generateBatch(
    prompts: readonly (string | ArrayLike<number>)[],
    options: GenerateBatchOptions = {},
  ): AsyncGenerator<BatchToken, readonly GenerateResult[], undefined> {
    this.#renewable.assertUsable();
    return yield* generateBatchTokens(this.#prepared, prompts, options);
  }

  /** For texts that are asked for at different times, and decode together: what a server needs. */
  createBatcher({ batchSize = DEFAULT_BATCH_SIZE }: BatcherOptions = {}): Batcher {
    this.#renewable.assertUsable();
    checkCount("batchSize", batchSize);
    return new Batcher({ ...this.#prepared, batchSize }, (prompt, options) => {
      if (options.draft !== undefined) throw new OptionError("draft", "none in a batch, which is as fast", "one");
      return this.#prepare(prompt, options);
    });
  }

  /** Remembers the beginnings of prompts: a prompt that goes on from an earlier one then takes the time of the rest only. */
  createPrefixCache(options: PrefixCacheOptions = {}): PrefixCache {
    this.#renewable.assertUsable();
    return new PrefixCache(this.#renewable, options);
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
    return ModelState.advanceAll(this.#renewable, states, ids, signal);
  }

  /** A new, empty state: for stepping through tokens yourself. */
  createState(): ModelState {
    this.#renewable.assertUsable();
    return new ModelState(this.#renewable);
  }

  /**
   * The state that `state.save()` has made these bytes of: by this model, or one of the same weights in the same precision, on whichever
   * device.
   *
   * @throws StateFileError for bytes that are no state, were changed, or are of another model or version
   */
  async loadState(bytes: Uint8Array): Promise<ModelState> {
    const model = await this.#renewable.ready(undefined);
    return ModelState.load(this.#renewable, model, bytes);
  }

  /** Frees all memory the model holds on the device, and the device if the model made it. Safe to call twice. */
  async dispose(): Promise<void> {
    await this.#renewable.dispose();
  }

  get #prepared(): PreparedModel {
    return { renewable: this.#renewable, tokenizer: this.tokenizer, vocab: this.config.vocab };
  }

  /** A text ready to be begun, and the tokens of its prompt, if they are to be told. */
  async #prepare(prompt: string | ArrayLike<number>, options: GenerateOptions): Promise<PreparedText> {
    this.#renewable.assertUsable();
    const settings = checkOptions(this.#prepared, options);
    const inputs = await prepareText(this.#prepared, prompt, settings, { state: options.state });
    if (!options.echo) return { inputs, echo: [] };
    try {
      const { prompt, start, logitWork } = inputs;
      const { signal } = options;
      // From where the prompt begins, of which the text's own sequence knows nothing yet.
      const read = async (model: DeviceModel, sequence: Sequence) => {
        await start.state?.copyTo(model, sequence, signal);
        return this.#scoreOn(model, sequence, prompt, { top: logitWork.top, signal });
      };
      const isScored = logitWork.top !== undefined && prompt.length > 0;
      const scores = isScored ? await this.#withSequence(read, signal) : undefined;
      return { inputs, echo: echoTokens(inputs.prompt, this.tokenizer, scores) };
    } catch (error) {
      inputs.start.state?.release();
      throw error;
    }
  }

  /** Where the ids of one text come from. */
  async #idSource(inputs: PreparedText["inputs"], { draft }: GenerateOptions): Promise<SequenceIds | DraftedIds> {
    try {
      if (draft === undefined) return await SequenceIds.create(this.#renewable, inputs);
      const drafter = this.#createDrafter(draft, inputs);
      return await DraftedIds.create(this.#renewable, { ...inputs, drafter, maxTokens: inputs.limits.maxTokens });
    } catch (error) {
      inputs.start.state?.release();
      throw error;
    }
  }

  #createDrafter(draft: DraftOptions, { logitWork, sampling, prompt, signal }: PreparedText["inputs"]): Drafter {
    if (logitWork.isNeeded) {
      throw new OptionError("draft", "none together with logprobs or logitProcessors, which look at each token", "one");
    }
    if ("lookup" in draft) return createPromptLookup(draft);
    if (!(draft.model instanceof BlackMamba)) throw new OptionError("draft.model", "a model", typeof draft.model);
    const { model } = draft;
    if (model.config.vocab !== this.config.vocab) {
      throw new OptionError(
        "draft.model",
        `a model of the same vocabulary, ${this.config.vocab} ids`,
        model.config.vocab,
      );
    }
    const tokens = draftTokens(draft, DEFAULT_MODEL_DRAFT_TOKENS);
    return new ModelDrafter({ renewable: model.#renewable, sampling, promptLength: prompt.length, tokens, signal });
  }

  /** Scores ids that continue what a sequence has read. */
  async #scoreOn(
    { engine }: DeviceModel,
    sequence: Sequence,
    ids: ArrayLike<number>,
    options: ScoreOptions,
  ): Promise<Scores> {
    const before = sequence.position > 0 ? await engine.logits(sequence) : undefined;
    const read = (part: ArrayLike<number>, visitor: Visitor) => engine.visit(sequence, part, visitor, options.signal);
    return scoreIds(read, ids, this.config.vocab, { ...options, before });
  }

  #withSequence<T>(
    use: (model: DeviceModel, sequence: Sequence) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.#renewable.use((model) => model.withSequence((sequence) => use(model, sequence)), signal);
  }
}
