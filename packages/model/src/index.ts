/**
 * BlackMamba: Mamba and mixture-of-experts language models in Node and the browser, on WebGPU and the CPU.
 *
 * @packageDocumentation
 * @mergeModuleWith <project>
 */

export type { WriteProgress } from "@blackmamba/checkpoint";
export {
  CodedError,
  createCpuDevice,
  createWebGpuDevice,
  type Device,
  type DeviceChoice,
  type DeviceListing,
  DeviceLostError,
  type KernelTime,
  listDevices,
  OutOfMemoryError,
  type QuantizedDType,
  type SelectedDevice,
  selectDevice,
} from "@blackmamba/tensor";
export type { Tokenizer } from "@blackmamba/tokenizer";
export { BlackMamba, type ForwardOptions } from "./blackmamba.ts";
export { type Layout, type ModelConfig, parseConfig } from "./config/config.ts";
export type { LayerKind } from "./config/layer-kind.ts";
export { type ConvertedWeights, type ConvertOptions, type ConvertTarget, convertWeights } from "./convert-weights.ts";
export { describeModel, type LayerDescription, type ModelDescription } from "./describe.ts";
export {
  AbortedError,
  ModelConfigError,
  ModelFileError,
  ModelFileLimitError,
  ModelWeightsError,
  NoTokenizerError,
  NumericError,
  OptionError,
  PromptError,
  StateError,
  StateFileError,
} from "./errors.ts";
export type { Batcher, BatcherOptions } from "./generate/batcher.ts";
export type { DraftOptions, DraftStatistics, LookupDraftOptions, ModelDraftOptions } from "./generate/draft/draft.ts";
export type { GenerateOptions } from "./generate/generate.ts";
export type { BatchToken, GenerateBatchOptions } from "./generate/generate-batch.ts";
export type { LimitOptions } from "./generate/limits.ts";
export type { LogitContext, LogitOptions, LogitProcessor } from "./generate/processors.ts";
export type { SamplingOptions } from "./generate/sampling.ts";
export type { FinishReason, GeneratedToken, GenerateResult } from "./generate/token.ts";
export type { CreateOptions, LoadOptions } from "./load-model.ts";
export { logprobOf, logTotal, type TokenLogprob, topLogprobs } from "./logprobs.ts";
export type { AdvanceOptions, ModelState } from "./model-state.ts";
export type { ParameterCount } from "./parameters.ts";
export type { PrefixCache, PrefixCacheOptions } from "./prefix-cache.ts";
export type { ForwardProfile, ProfileOptions } from "./profile.ts";
export type { ScoreOptions, ScoreProgress, Scores } from "./score.ts";
export { type FetchOptions, openModelFolder } from "./source/locate.ts";
export type { ModelParts, ModelSource } from "./source/open-model.ts";
export type { LayerTrace, RouteTrace, Trace, TraceOptions } from "./trace.ts";
export type { LoadProgress } from "./weights/load-weights.ts";
export type { MakeWeight, WeightRecipe, WeightRequest } from "./weights/make-weights.ts";
export { type StoredTensor, storedTensors } from "./weights/stored-tensors.ts";
