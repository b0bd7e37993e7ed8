/**
 * Which ids of a row of logits are left to draw from. Ids are ordered by their logit, the likeliest first, the lower id first
 * among equals. With p = softmax(logit / temperature):
 *
 *   top-k   the first k
 *   top-p   of these the fewest first ones that have a share of at least topP of their mass (arXiv 1904.09751)
 *   min-p   of these all with p[id] ≥ minP · max(p) (arXiv 2407.01082)
 *
 * The first two are found as the last id that is left. Mass is added up in whole numbers, so that the sum does not depend on
 * the order.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../../check.ts";
import { SETTINGS_WIDTH } from "../settings.ts";
import { sampleCutCpu } from "./cut.cpu.ts";
import { sampleCutReference } from "./cut.reference.ts";
import { sampleCutShader } from "./cut.wgsl.ts";
import { CUT_WIDTH } from "./cut-words.ts";

/** Operands of {@link sampleCut}. */
export type SampleCutOperands = {
  /** u32 [rows, CUT_WIDTH] */
  readonly cut: Tensor;
  /** f32 [rows, vocab] */
  readonly logits: Tensor;
  /** u32 [rows, SETTINGS_WIDTH] */
  readonly settings: Tensor;
};

/**
 * Finds where top-k and top-p cut the vocabulary, and what min-p compares with: one workgroup for each row. One row per token
 * of the run. Rows with a NaN get some cut.
 */
export const sampleCut = defineKernel<SampleCutOperands>({
  name: "sample-cut",

  check({ cut, logits, settings }) {
    const [rows] = logits.shape;
    expectOperand("sample-cut", "logits", logits, ["f32"], [undefined, undefined]);
    expectOperand("sample-cut", "cut", cut, ["u32"], [rows, CUT_WIDTH]);
    expectOperand("sample-cut", "settings", settings, ["u32"], [rows, SETTINGS_WIDTH]);
  },

  shader: sampleCutShader,
  reference: sampleCutReference,
  cpu: sampleCutCpu,
});
