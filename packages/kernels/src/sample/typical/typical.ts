/**
 * Which ids are typical (locally typical sampling, arXiv 2202.00666): those that say about as much as is to be expected. With
 * p = softmax(logit / temperature) over the ids that the cut leaves, and their entropy H = −Σ p · log p, ids are ordered by
 *
 *   |−log p[id] − H|
 *
 * the least first, the lower id first among equals. Left are the fewest first ones that have a share of at least typicalP of the mass.
 *
 * As −log p[id] − H = (center − logit[id]) / temperature with center = Σ p · logit, and the temperature changes no order, it is found as
 * the center, and deviation |logit − center| and id of the last that is left.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../../check.ts";
import { CUT_WIDTH } from "../cut/cut-words.ts";
import { SETTINGS_WIDTH } from "../settings.ts";
import { sampleTypicalCpu } from "./typical.cpu.ts";
import { sampleTypicalReference } from "./typical.reference.ts";
import { sampleTypicalShader } from "./typical.wgsl.ts";
import { TYPICAL_WIDTH } from "./typical-words.ts";

/** Operands of {@link sampleTypical}. */
export type SampleTypicalOperands = {
  /** u32 [rows, TYPICAL_WIDTH] */
  readonly typical: Tensor;
  /** f32 [rows, vocab] */
  readonly logits: Tensor;
  /** u32 [rows, SETTINGS_WIDTH] */
  readonly settings: Tensor;
  /** u32 [rows, CUT_WIDTH]: which ids are left before; left out: all */
  readonly cut?: Tensor | undefined;
};

/** One workgroup for each row. One row per token of the run. Rows with a NaN get something. */
export const sampleTypical = defineKernel<SampleTypicalOperands>({
  name: "sample-typical",

  check({ typical, logits, settings, cut }) {
    const [rows] = logits.shape;
    expectOperand("sample-typical", "logits", logits, ["f32"], [undefined, undefined]);
    expectOperand("sample-typical", "typical", typical, ["u32"], [rows, TYPICAL_WIDTH]);
    expectOperand("sample-typical", "settings", settings, ["u32"], [rows, SETTINGS_WIDTH]);
    expectOperand("sample-typical", "cut", cut, ["u32"], [rows, CUT_WIDTH]);
  },

  shader: sampleTypicalShader,
  reference: sampleTypicalReference,
  cpu: sampleTypicalCpu,
});
