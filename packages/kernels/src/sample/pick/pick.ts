/**
 * The id with the largest key among the slices', the lowest of several. It becomes the next token's id, is counted and
 * kept for the host to read.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../../check.ts";
import { samplePickReference } from "./pick.reference.ts";
import { samplePickShader } from "./pick.wgsl.ts";

/** Operands of {@link samplePick}. */
export type SamplePickOperands = {
  /** u32 [rows, slices]: see `key.ts` */
  readonly keys: Tensor;
  /** u32 [rows, slices] */
  readonly ids: Tensor;
  /** u32 [rows]: the chosen id, or NO_ID */
  readonly next: Tensor;
  /** u32 [rows, kept]: the last chosen ids; that of a step is at step mod kept. With NAN_FLAG the id of a NaN */
  readonly chosen: Tensor;
  /** u32 [rows]: ids chosen so far, counted up */
  readonly steps: Tensor;
  /** u32 [rows, vocab]: see `marks.ts`, where the chosen id is counted; left out: nothing is noted */
  readonly marks?: Tensor | undefined;
};

/** The second half of choosing an id: one workgroup for each row. One row per token of the run. */
export const samplePick = defineKernel<SamplePickOperands>({
  name: "sample-pick",

  check({ keys, ids, next, chosen, steps, marks }) {
    const [rows, slices] = keys.shape;
    expectOperand("sample-pick", "keys", keys, ["u32"], [undefined, undefined]);
    expectOperand("sample-pick", "ids", ids, ["u32"], [rows, slices]);
    expectOperand("sample-pick", "next", next, ["u32"], [rows]);
    expectOperand("sample-pick", "chosen", chosen, ["u32"], [rows, undefined]);
    expectOperand("sample-pick", "steps", steps, ["u32"], [rows]);
    expectOperand("sample-pick", "marks", marks, ["u32"], [rows, undefined]);
  },

  shader: samplePickShader,
  reference: samplePickReference,
});
