/**
 * The logits that are sampled, made of the model's in place. For each id, with n = how often it was chosen:
 *
 *   l += bias                                        where the row has one
 *   l = l > 0 ? l / repetition : l · repetition      where the prompt has it or n > 0 (arXiv 1909.05858, section 4.1)
 *   l −= frequency · n + presence · [n > 0]          (OpenAI's penalties)
 *   l = impossible                                   where the bias bans it, or it ends the text and too few ids were chosen for that
 *
 * Nothing gets below impossible. NaN stays NaN.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../../check.ts";
import { SETTINGS_WIDTH } from "../settings.ts";
import { sampleAdjustReference } from "./adjust.reference.ts";
import { sampleAdjustShader } from "./adjust.wgsl.ts";

/** Operands of {@link sampleAdjust}. */
export type SampleAdjustOperands = {
  /** f32 [rows, vocab]: changed in place */
  readonly logits: Tensor;
  /** u32 [rows, SETTINGS_WIDTH] */
  readonly settings: Tensor;
  /** u32 [rows]: ids chosen so far */
  readonly steps: Tensor;
  /** u32 [rows, vocab]: see `marks.ts` */
  readonly marks: Tensor;
  /** f32 [rows, vocab]: of no account for a row whose settings say that it has none */
  readonly bias: Tensor;
};

/** A thread for each id. One row per token of the run. */
export const sampleAdjust = defineKernel<SampleAdjustOperands>({
  name: "sample-adjust",

  check({ logits, settings, steps, marks, bias }) {
    const [rows, vocab] = logits.shape;
    expectOperand("sample-adjust", "logits", logits, ["f32"], [undefined, undefined]);
    expectOperand("sample-adjust", "settings", settings, ["u32"], [rows, SETTINGS_WIDTH]);
    expectOperand("sample-adjust", "steps", steps, ["u32"], [rows]);
    expectOperand("sample-adjust", "marks", marks, ["u32"], [rows, vocab]);
    expectOperand("sample-adjust", "bias", bias, ["f32"], [rows, vocab]);
  },

  shader: sampleAdjustShader,
  reference: sampleAdjustReference,
});
