/**
 * `linear` in plain loops. The same, faster: `linear.cpu.ts`.
 */
import { f32, type HostOperands, rowReader, u32 } from "@blackmamba/tensor";
import { gelu, softplus } from "../math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { DEFAULT_EPSILON } from "./linear-sizes.ts";

export function linearReference(operands: HostOperands<LinearOperands>, params: LinearParams, runTokens: number): void {
  const tokens = Math.min(runTokens, operands.out.shape[0]);
  const { out, x, weights, norm, bias, expert, scale } = operands;
  const { firstExpert = 0, epsilon = DEFAULT_EPSILON } = params;
  const [outputs, inputs] = [out.shape[1], x.shape[1]];
  const experts = expert ? weights.shape[0] : 1;
  const weightRow = rowReader(weights);
  const rows = params.activation === "gated-gelu" ? 2 * outputs : outputs;

  for (let t = 0; t < tokens; t++) {
    const matrix = expert ? u32(expert)[t] - firstExpert : 0;
    if (matrix < 0 || matrix >= experts) continue;
    const start = x.offset + t * x.rowStride;
    const vector = Float64Array.from(f32(x).subarray(start, start + inputs));
    if (norm) {
      const deviation = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0) / inputs + epsilon);
      for (let k = 0; k < inputs; k++) vector[k] = (vector[k] / deviation) * f32(norm)[k];
    }
    const sumOf = (row: number) => {
      const w = weightRow(matrix * rows + row);
      let sum = bias ? f32(bias)[bias.offset + (firstExpert + matrix) * rows + row] : 0;
      for (let k = 0; k < inputs; k++) sum += w[k] * vector[k];
      return sum;
    };
    for (let n = 0; n < outputs; n++) {
      let value = sumOf(n);
      if (params.activation === "softplus") value = softplus(value);
      if (params.activation === "gelu") value = gelu(value);
      if (params.activation === "gated-gelu") value = gelu(value) * sumOf(outputs + n);
      if (scale) value *= f32(scale)[scale.offset + t * scale.rowStride];
      const at = out.offset + t * out.rowStride + n;
      f32(out)[at] = params.accumulate ? f32(out)[at] + value : value;
    }
  }
}
