/**
 * RMSNorm:    out[t] = x[t] / sqrt(mean(x[t]²) + ε) · weight
 * LayerNorm:  out[t] = (x[t] − mean(x[t])) / sqrt(var(x[t]) + ε) · weight + bias, with the biased variance
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";
import { expectOperand } from "../check.ts";
import { normReference } from "./norm.reference.ts";
import { normWasm } from "./norm.wasm.ts";
import { normShader } from "./norm.wgsl.ts";

/** Operands of {@link norm}. */
export type NormOperands = {
  /** f32 [tokens, hidden]; [1, hidden] with `lastOnly` */
  readonly out: Tensor;
  /** f32 [tokens, hidden] */
  readonly x: Tensor;
  /** f32 [hidden] */
  readonly weight: Tensor;
  /** f32 [hidden] */
  readonly bias?: Tensor | undefined;
};

/** Parameters of {@link norm}. */
export type NormParams = {
  readonly kind: "rms" | "layer";
  readonly epsilon: number;
  /** Normalise only the last token of the run, into the first row of `out`. Default false. */
  readonly lastOnly?: boolean | undefined;
};

/** Root-mean-square and layer normalisation of each token. */
export const norm = defineKernel<NormOperands, NormParams>({
  name: "norm",

  check({ out, x, weight, bias }, { lastOnly }) {
    const [tokens, hidden] = x.shape;
    expectOperand("norm", "x", x, ["f32"], [undefined, undefined]);
    expectOperand("norm", "out", out, ["f32"], [lastOnly ? 1 : tokens, hidden]);
    expectOperand("norm", "weight", weight, ["f32"], [hidden]);
    expectOperand("norm", "bias", bias, ["f32"], [hidden]);
  },

  shader: normShader,
  reference: normReference,
  wasm: normWasm,
});
