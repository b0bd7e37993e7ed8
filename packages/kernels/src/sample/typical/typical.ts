/**
 * Leaves only typical ids to draw from (locally typical sampling, arXiv 2202.00666): those that say about as much as is to be expected.
 * With p = softmax(logit / temperature) over the ids that the cut leaves, and their entropy H = −Σ p · log p:
 *
 *   deviation[id] = |−log p[id] − H|
 *
 * Ids are left from the least deviation on, until they have a share of at least typicalP of the mass; all of those that deviate as much as
 * the last. The others' logits are made impossible, in place.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../../check.ts";
import { CUT_WIDTH } from "../cut/cut-words.ts";
import { SETTINGS_WIDTH } from "../settings.ts";
import { sampleTypicalReference } from "./typical.reference.ts";
import { sampleTypicalShader } from "./typical.wgsl.ts";

/** Operands of {@link sampleTypical}. */
export type SampleTypicalOperands = {
  /** f32 [rows, vocab]: changed in place */
  readonly logits: Tensor;
  /** u32 [rows, vocab]: scratch */
  readonly deviations: Tensor;
  /** u32 [rows, SETTINGS_WIDTH] */
  readonly settings: Tensor;
  /** u32 [rows, CUT_WIDTH]: which ids are left before; left out: all */
  readonly cut?: Tensor | undefined;
};

/** One workgroup for each row. One row per token of the run. Rows with a NaN keep it. */
export const sampleTypical = defineKernel<SampleTypicalOperands>({
  name: "sample-typical",

  check({ logits, deviations, settings, cut }) {
    const [rows, vocab] = logits.shape;
    expectOperand("sample-typical", "logits", logits, ["f32"], [undefined, undefined]);
    expectOperand("sample-typical", "deviations", deviations, ["u32"], [rows, vocab]);
    expectOperand("sample-typical", "settings", settings, ["u32"], [rows, SETTINGS_WIDTH]);
    expectOperand("sample-typical", "cut", cut, ["u32"], [rows, CUT_WIDTH]);
  },

  shader: sampleTypicalShader,
  reference: sampleTypicalReference,
});
