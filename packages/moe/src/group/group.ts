/**
 * Groups tokens by expert, stably:
 *   groups[e] = how many tokens have an expert before e, for e = 0 … experts
 *   groups[experts + 1 + i] = the i-th token when tokens are sorted by expert
 */
import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { groupReference } from "./group.reference.ts";
import { groupShader } from "./group.wgsl.ts";

/** Operands of {@link group}. */
export type GroupOperands = {
  /** u32 [experts + 1 + tokens] */
  readonly groups: Tensor;
  /** u32 [tokens], each less than `experts` */
  readonly expert: Tensor;
};

/** A counting sort of tokens by expert, so that each expert's weights are read once for all its tokens. */
export const group = defineKernel<GroupOperands, { readonly experts: number }>({
  name: "group",

  check({ groups, expert }, { experts }) {
    expectOperand("group", "expert", expert, ["u32"], [undefined]);
    expectOperand("group", "groups", groups, ["u32"], [experts + 1 + expert.shape[0]]);
  },

  shader: groupShader,
  reference: groupReference,
});
