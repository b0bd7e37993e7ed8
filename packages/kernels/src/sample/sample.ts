/**
 * Choosing the next id of each row of logits, on the device: bias and penalties, then temperature, then top-k, top-p, min-p and
 * typical, each of what the one before has left. Which of these a program has is set when it is recorded; their numbers are read from
 * `settings` at every run.
 */
import type { Program, Tensor, TensorAllocator } from "@blackmamba/tensor";
import { sampleAdjust } from "./adjust/adjust.ts";
import { sampleCut } from "./cut/cut.ts";
import { CUT_WIDTH } from "./cut/cut-words.ts";
import { samplePick } from "./pick/pick.ts";
import { type SampleSettings, SETTINGS_WIDTH } from "./settings.ts";
import { sliceCount } from "./slices/slice-count.ts";
import { sampleSlices } from "./slices/slices.ts";
import { sampleTypical } from "./typical/typical.ts";
import { TYPICAL_WIDTH } from "./typical/typical-words.ts";

/** What a recorded sampler does. Rows that do not want all of it are sampled as if it did not, by their settings. */
export interface SampleKind {
  /** Draw, rather than take the likeliest. */
  readonly noise: boolean;
  /** Leave ids out by top-k, top-p and min-p. */
  readonly cut: boolean;
  /** Leave ids out that are not typical. */
  readonly typical: boolean;
  /** Change logits by bias and penalties, count the ids that are chosen, and keep a text from ending too early. */
  readonly adjust: boolean;
}

/** What these settings ask of a sampler. */
export function sampleKind(settings: Omit<SampleSettings, "seed">): SampleKind {
  const { greedy, topK, topP, minP, typicalP, repetitionPenalty, frequencyPenalty, presencePenalty } = settings;
  const isPenalized = repetitionPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
  return {
    noise: !greedy,
    cut: !greedy && (topK < Number.POSITIVE_INFINITY || topP < 1 || minP > 0),
    typical: !greedy && typicalP < 1,
    adjust: isPenalized || settings.hasBias || settings.minTokens > 0,
  };
}

/** A sampler that does what each of two does. */
export function unionKind(a: SampleKind, b: SampleKind): SampleKind {
  return {
    noise: a.noise || b.noise,
    cut: a.cut || b.cut,
    typical: a.typical || b.typical,
    adjust: a.adjust || b.adjust,
  };
}

/** What a sampler keeps of each sequence from token to token. */
export interface SampleState {
  /** u32 [rows, SETTINGS_WIDTH]: see `encodeSettings` */
  readonly settings: Tensor;
  /** u32 [rows]: ids chosen so far, which is what random numbers are counted by */
  readonly steps: Tensor;
}

/** What a sampler that adjusts logits keeps of each sequence besides. */
export interface SampleAdjustments {
  /** u32 [rows, vocab]: see `marksOf` */
  readonly marks: Tensor;
  /** f32 [rows, vocab]: see `biasOf` */
  readonly bias: Tensor;
}

/** Intermediate results of choosing. */
export interface SampleScratch {
  readonly keys: Tensor;
  readonly ids: Tensor;
  readonly cut: Tensor;
  readonly typical: Tensor;
}

/** Operands of {@link recordSample}. */
export interface SampleOperands {
  /** f32 [rows, vocab]; changed by samplers that adjust them */
  readonly logits: Tensor;
  readonly state: SampleState;
  /** For a sampler that adjusts logits. */
  readonly adjustments?: SampleAdjustments | undefined;
  readonly scratch: SampleScratch;
  /** u32 [rows]: the chosen ids; NO_ID where a logit was NaN */
  readonly next: Tensor;
  /** u32 [rows, kept]: the last ids of each row, that of a step at step mod kept; with NAN_FLAG the id whose logit was NaN */
  readonly chosen: Tensor;
}

/** Allocates the state of a sampler for `rows` sequences. */
export function createSampleState(allocator: TensorAllocator, rows: number): SampleState {
  return {
    settings: allocator.createTensor("u32", [rows, SETTINGS_WIDTH], "sample settings"),
    steps: allocator.createTensor("u32", [rows], "sample steps"),
  };
}

/** Allocates what a sampler that adjusts logits keeps of `rows` sequences: 8 bytes for each id of the vocabulary. */
export function createAdjustments(allocator: TensorAllocator, rows: number, vocab: number): SampleAdjustments {
  return {
    marks: allocator.createTensor("u32", [rows, vocab], "marks of ids"),
    bias: allocator.createTensor("f32", [rows, vocab], "logit bias"),
  };
}

/** Allocates what choosing for `rows` sequences needs in between. */
export function createSampleScratch(allocator: TensorAllocator, rows: number, vocab: number): SampleScratch {
  return {
    keys: allocator.createTensor("u32", [rows, sliceCount(vocab)], "keys of slices"),
    ids: allocator.createTensor("u32", [rows, sliceCount(vocab)], "ids of slices"),
    cut: allocator.createTensor("u32", [rows, CUT_WIDTH], "cut"),
    typical: allocator.createTensor("u32", [rows, TYPICAL_WIDTH], "typical ids"),
  };
}

/**
 * Records the choice of one id for each row: two calls, and one more for each of adjusting, cut and typical. One row per token of the run.
 *
 * @throws RangeError where a sampler that adjusts logits has no adjustments
 */
export function recordSample(program: Program, operands: SampleOperands, kind: SampleKind): void {
  const { logits, state, adjustments, scratch, next, chosen } = operands;
  const { settings, steps } = state;
  const { keys, ids } = scratch;
  if (kind.adjust) {
    if (!adjustments) throw new RangeError("recordSample: a sampler that adjusts logits needs adjustments");
    program.call(sampleAdjust, { logits, settings, steps, ...adjustments }, {});
  }
  const cut = kind.cut ? scratch.cut : undefined;
  if (cut) program.call(sampleCut, { cut, logits, settings }, {});
  const typical = kind.typical ? scratch.typical : undefined;
  if (typical) program.call(sampleTypical, { typical, logits, settings, cut }, {});
  program.call(sampleSlices, { keys, ids, logits, settings, steps, cut, typical }, { noise: kind.noise });
  const marks = kind.adjust ? adjustments?.marks : undefined;
  program.call(samplePick, { keys, ids, next, chosen, steps, marks }, {});
}
