/**
 * Compute kernels that are not tied to one kind of layer, each as a WGSL shader and as plain TypeScript.
 *
 * @packageDocumentation
 */
export { expectOperand, WEIGHT_DTYPES } from "./check.ts";
export { spread, WORKGROUP_INDEX } from "./dispatch.ts";
export { type EmbeddingOperands, type EmbeddingParams, embedding, recordEmbedding } from "./embedding/embedding.ts";
export { hostMatrix } from "./host-matrix.ts";
export { type LinearOperands, type LinearParams, linear, MAX_UNGROUPED_TOKENS, recordLinear } from "./linear/linear.ts";
export { erf, gelu, sigmoid, silu, softplus } from "./math.ts";
export { type NormOperands, type NormParams, norm } from "./norm/norm.ts";
export { biasOf, marksOf } from "./sample/marks.ts";
export { NAN_FLAG } from "./sample/pick/no-id.ts";
export {
  createAdjustments,
  createSampleScratch,
  createSampleState,
  recordSample,
  type SampleAdjustments,
  type SampleKind,
  type SampleOperands,
  type SampleScratch,
  type SampleState,
  sampleKind,
  unionKind,
} from "./sample/sample.ts";
export { type SampledText, sampleDistribution } from "./sample/sample-distribution.ts";
export { encodeSettings, PLAIN_SETTINGS, type SampleSettings } from "./sample/settings.ts";
export {
  MAX_FEW_TOKENS,
  MAX_SMALL_ROWS,
  MAX_WHOLE_VECTOR,
  type MatVecShape,
  type MatVecsShape,
  scanLanes,
} from "./tuning.ts";
export { addressOf, strideOf } from "./wasm/module.ts";
export { type Buffers, buffers } from "./wgsl/buffers.ts";
export { type AwaitedVector, awaitVectors, exchangedInput, exchangedOutput } from "./wgsl/exchanged.ts";
export { type LaneSum, type LaneSumPlan, laneSum, type SumType } from "./wgsl/lane-sum.ts";
export { type Loader, loader } from "./wgsl/load.ts";
export {
  type MatVec,
  type MatVecOperands,
  type MatVecPlan,
  matVec,
} from "./wgsl/mat-vec.ts";
export { type MatVecs, type MatVecsPlan, matVecs } from "./wgsl/mat-vecs.ts";
export { GELU, SIGMOID, SILU, SOFTPLUS, TWICE_ARTANH } from "./wgsl/math.ts";
export { type FoldedNorm, type StagedVectorPlan, stagedVector } from "./wgsl/staged-vector.ts";
export type { Vector } from "./wgsl/vector.ts";
