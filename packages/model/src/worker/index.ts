/**
 * BlackMamba in a Web Worker: the same as `@blackmamba/model`, and nothing of it holds up the page.
 *
 * @packageDocumentation
 */

export {
  CodedError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  KernelError,
  NoDeviceError,
  OutOfMemoryError,
} from "@blackmamba/tensor";
export type { ForwardOptions } from "../blackmamba.ts";
export type { ModelConfig } from "../config/config.ts";
export type { LayerKind } from "../config/layer-kind.ts";
export type { LayerDescription, ModelDescription } from "../describe.ts";
export {
  ModelConfigError,
  ModelFileError,
  ModelFileLimitError,
  ModelWeightsError,
  NoTokenizerError,
  NumericError,
  OptionError,
  PromptError,
  StateError,
  WorkerError,
} from "../errors.ts";
export type { DraftStatistics, LookupDraftOptions } from "../generate/draft/draft.ts";
export type { BatchToken } from "../generate/generate-batch.ts";
export type { LimitOptions } from "../generate/limits.ts";
export type { SamplingOptions } from "../generate/sampling.ts";
export type { FinishReason, GeneratedToken, GenerateResult } from "../generate/token.ts";
export type { TokenLogprob } from "../logprobs.ts";
export type { ParameterCount } from "../parameters.ts";
export type { ForwardProfile, ProfileOptions } from "../profile.ts";
export type { ScoreOptions, ScoreProgress, Scores } from "../score.ts";
export type { ModelParts, ModelSource } from "../source/open-model.ts";
export type { LayerTrace, RouteTrace, Trace, TraceOptions } from "../trace.ts";
export type { LoadProgress } from "../weights/load-weights.ts";
export type { WorkerDevice } from "./protocol.ts";
export {
  BlackMamba,
  describeModel,
  type WorkerFetchOptions,
  type WorkerGenerateBatchOptions,
  type WorkerGenerateOptions,
  type WorkerLoadOptions,
  type WorkerMemory,
  type WorkerOptions,
} from "./worker-model.ts";
export type { WorkerTokenizer } from "./worker-tokenizer.ts";
