/**
 * `linear` in plain loops. The same, faster: `linear.cpu.ts`.
 */
import { f32, type HostOperands, rowReader, u32 } from "@blackmamba/tensor";
import { softplus } from "../math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";

export function linearReference(operands: HostOperands<LinearOperands>, params: LinearParams, runTokens: number): void {
  const tokens = Math.min(runTokens, operands.out.shape[0]);
  const { out, x, weights, bias, expert, scale } = operands;
  const { firstExpert = 0 } = params;
  const [outputs, inputs] = [out.shape[1], x.shape[1]];
  const experts = expert ? weights.shape[0] : 1;
  const weightRow = rowReader(weights);

  for (let t = 0; t < tokens; t++) {
    const matrix = expert ? u32(expert)[t] - firstExpert : 0;
    if (matrix < 0 || matrix >= experts) continue;
    for (let n = 0; n < outputs; n++) {
      const w = weightRow(matrix * outputs + n);
      let value = bias ? f32(bias)[bias.offset + (firstExpert + matrix) * outputs + n] : 0;
      for (let k = 0; k < inputs; k++) value += w[k] * f32(x)[x.offset + t * x.rowStride + k];
      if (params.activation === "softplus") value = softplus(value);
      if (scale) value *= f32(scale)[t];
      const at = out.offset + t * out.rowStride + n;
      f32(out)[at] = params.accumulate ? f32(out)[at] + value : value;
    }
  }
}
