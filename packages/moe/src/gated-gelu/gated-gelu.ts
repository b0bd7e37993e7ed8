/**
 * out[t, f] = gelu(x[t, f]) · x[t, ffn + f], the gate first;   not gated: out[t, f] = gelu(x[t, f])
 */
import { expectOperand } from "@blackmamba/kernels";
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { gatedGeluReference } from "./gated-gelu.reference.ts";
import { gatedGeluShader } from "./gated-gelu.wgsl.ts";

/** Operands of {@link gatedGelu}. */
export type GatedGeluOperands = {
  /** f32 [tokens, ffn] */
  readonly out: Tensor;
  /** f32 [tokens, 2 · ffn]; [tokens, ffn] when not gated */
  readonly x: Tensor;
};

/** GELU with the exact error function, gated (GLU variants, arXiv 2002.05202) or plain. */
export const gatedGelu = defineKernel<GatedGeluOperands, { readonly gated: boolean }>({
  name: "gated-gelu",

  check({ out, x }, { gated }) {
    const [tokens, ffn] = out.shape;
    expectOperand("gated-gelu", "out", out, ["f32"], [undefined, undefined]);
    expectOperand("gated-gelu", "x", x, ["f32"], [tokens, gated ? 2 * ffn : ffn]);
  },

  shader: gatedGeluShader,
  reference: gatedGeluReference,
});
