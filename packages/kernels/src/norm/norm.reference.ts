/**
 * `norm` in plain loops.
 */
import { f32, type HostOperands } from "@blackmamba/tensor";
import type { NormOperands, NormParams } from "./norm.ts";

export function normReference(operands: HostOperands<NormOperands>, params: NormParams, tokens: number): void {
  const hidden = operands.x.shape[1];
  const [out, x, weight] = [f32(operands.out), f32(operands.x), f32(operands.weight)];
  const bias = operands.bias && f32(operands.bias);

  for (let t = params.lastOnly ? tokens - 1 : 0; t < tokens; t++) {
    const row = x.subarray(t * hidden, (t + 1) * hidden);
    let mean = 0;
    if (params.kind === "layer") {
      for (let i = 0; i < hidden; i++) mean += row[i];
      mean /= hidden;
    }
    let variance = 0;
    for (let i = 0; i < hidden; i++) variance += (row[i] - mean) ** 2;
    variance /= hidden;

    const deviation = Math.sqrt(variance + params.epsilon);
    const start = params.lastOnly ? 0 : t * hidden;
    for (let i = 0; i < hidden; i++) out[start + i] = ((row[i] - mean) / deviation) * weight[i] + (bias ? bias[i] : 0);
  }
}
