/**
 * Choosing the next id of each row of logits, on the device: penalty, then temperature, then top-k, top-p and min-p, each of
 * what the one before has left. Which of these a program has is set when it is recorded; their numbers are read from
 * `settings` at every run.
 */
import type { Program, Tensor, TensorAllocator } from "@blackmamba/tensor";
import { sampleCut } from "./cut/cut.ts";
import { CUT_WIDTH } from "./cut/cut-words.ts";
import { seenWidth } from "./logit.ts";
import { samplePick } from "./pick/pick.ts";
import { type SampleSettings, SETTINGS_WIDTH } from "./settings.ts";
import { sliceCount } from "./slices/slice-count.ts";
import { sampleSlices } from "./slices/slices.ts";

/** What a recorded sampler does. */
export interface SampleKind {
  /** Draw, rather than take the likeliest. */
  readonly noise: boolean;
  /** Leave ids out by top-k, top-p and min-p. */
  readonly cut: boolean;
  /** Penalize the ids that are in `seen`, and note there those that are chosen. */
  readonly penalty: boolean;
}

/** What these settings ask of a sampler; `greedy` to take the likeliest, whatever the temperature. */
export function sampleKind({
  topK,
  topP,
  minP,
  repetitionPenalty,
  greedy,
}: Omit<SampleSettings, "seed"> & { readonly greedy: boolean }): SampleKind {
  return {
    noise: !greedy,
    cut: !greedy && (topK < Number.POSITIVE_INFINITY || topP < 1 || minP > 0),
    penalty: repetitionPenalty !== 1,
  };
}

/** What a sampler keeps of each sequence from token to token. */
export interface SampleState {
  /** u32 [rows, SETTINGS_WIDTH]: see `encodeSettings` */
  readonly settings: Tensor;
  /** u32 [rows]: ids chosen so far, which is what random numbers are counted by */
  readonly steps: Tensor;
  /** u32 [rows, vocab / 32 rounded up]: ids seen, a bit each */
  readonly seen: Tensor;
}

/** Intermediate results of choosing. */
export interface SampleScratch {
  readonly keys: Tensor;
  readonly ids: Tensor;
  readonly cut: Tensor;
}

/** Operands of {@link recordSample}. */
export interface SampleOperands {
  /** f32 [rows, vocab] */
  readonly logits: Tensor;
  readonly state: SampleState;
  readonly scratch: SampleScratch;
  /** u32 [rows]: the chosen ids; NO_ID where a logit was NaN */
  readonly next: Tensor;
  /** u32 [rows, kept]: the last ids of each row, that of a step at step mod kept; with NAN_FLAG the id whose logit was NaN */
  readonly chosen: Tensor;
}

/** Allocates the state of a sampler for `rows` sequences. */
export function createSampleState(allocator: TensorAllocator, rows: number, vocab: number): SampleState {
  return {
    settings: allocator.createTensor("u32", [rows, SETTINGS_WIDTH], "sample settings"),
    steps: allocator.createTensor("u32", [rows], "sample steps"),
    seen: allocator.createTensor("u32", [rows, seenWidth(vocab)], "ids seen"),
  };
}

/** Allocates what choosing for `rows` sequences needs in between. */
export function createSampleScratch(allocator: TensorAllocator, rows: number, vocab: number): SampleScratch {
  return {
    keys: allocator.createTensor("u32", [rows, sliceCount(vocab)], "keys of slices"),
    ids: allocator.createTensor("u32", [rows, sliceCount(vocab)], "ids of slices"),
    cut: allocator.createTensor("u32", [rows, CUT_WIDTH], "cut"),
  };
}

/** Records the choice of one id for each row: two calls, and one more with a cut. One row per token of the run. */
export function recordSample(program: Program, operands: SampleOperands, { noise, cut, penalty }: SampleKind): void {
  const { logits, state, scratch, next, chosen } = operands;
  const { settings, steps } = state;
  const { keys, ids } = scratch;
  const seen = penalty ? state.seen : undefined;
  if (cut) program.call(sampleCut, { cut: scratch.cut, logits, settings, seen }, {});
  const kept = cut ? scratch.cut : undefined;
  program.call(sampleSlices, { keys, ids, logits, settings, steps, seen, cut: kept }, { noise });
  program.call(samplePick, { keys, ids, next, chosen, steps, seen }, {});
}

/** The bitmap of some ids, as one row of {@link SampleState}'s `seen`. */
export function seenBitmap(ids: ArrayLike<number>, vocab: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(seenWidth(vocab));
  for (let i = 0; i < ids.length; i++) words[ids[i] >>> 5] |= 1 << (ids[i] % 32);
  return words;
}
