/**
 * The best id of each slice of a row of logits l, by
 *
 *   score[id] = l[id]                                          to take the likeliest
 *   score[id] = l[id] / temperature + gumbel(seed, step, id)   to draw one, for those rows whose settings ask for noise
 *
 * The second makes the best of all a draw from softmax(l / temperature): see `noise.ts`. Ids beyond a cut, or that are not typical, have no
 * part in it.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../../check.ts";
import { CUT_WIDTH } from "../cut/cut-words.ts";
import { SETTINGS_WIDTH } from "../settings.ts";
import { TYPICAL_WIDTH } from "../typical/typical-words.ts";
import { sliceCount } from "./slice-count.ts";
import { sampleSlicesCpu } from "./slices.cpu.ts";
import { sampleSlicesReference } from "./slices.reference.ts";
import { sampleSlicesShader } from "./slices.wgsl.ts";

/** Operands of {@link sampleSlices}. */
export type SampleSlicesOperands = {
  /** u32 [rows, slices]: see `key.ts`; NAN_KEY for a slice with a NaN */
  readonly keys: Tensor;
  /** u32 [rows, slices]: the id with that key, the lowest of several */
  readonly ids: Tensor;
  /** f32 [rows, vocab] */
  readonly logits: Tensor;
  /** u32 [rows, SETTINGS_WIDTH] */
  readonly settings: Tensor;
  /** u32 [rows]: ids chosen so far */
  readonly steps: Tensor;
  /** u32 [rows, CUT_WIDTH]: which ids are left; left out: all */
  readonly cut?: Tensor | undefined;
  /** u32 [rows, TYPICAL_WIDTH]: which of these are left; left out: all */
  readonly typical?: Tensor | undefined;
};

/** Parameters of {@link sampleSlices}. */
export type SampleSlicesParams = {
  /** Draw an id, rather than take the likeliest. */
  readonly noise: boolean;
};

/** The first half of choosing an id: many workgroups, each with a slice of the vocabulary. One row per token of the run. */
export const sampleSlices = defineKernel<SampleSlicesOperands, SampleSlicesParams>({
  name: "sample-slices",

  check({ keys, ids, logits, settings, steps, cut, typical }) {
    const [rows, vocab = 0] = logits.shape;
    expectOperand("sample-slices", "logits", logits, ["f32"], [undefined, undefined]);
    expectOperand("sample-slices", "keys", keys, ["u32"], [rows, sliceCount(vocab)]);
    expectOperand("sample-slices", "ids", ids, ["u32"], [rows, sliceCount(vocab)]);
    expectOperand("sample-slices", "settings", settings, ["u32"], [rows, SETTINGS_WIDTH]);
    expectOperand("sample-slices", "steps", steps, ["u32"], [rows]);
    expectOperand("sample-slices", "cut", cut, ["u32"], [rows, CUT_WIDTH]);
    expectOperand("sample-slices", "typical", typical, ["u32"], [rows, TYPICAL_WIDTH]);
  },

  shader: sampleSlicesShader,
  reference: sampleSlicesReference,
  cpu: sampleSlicesCpu,
});
