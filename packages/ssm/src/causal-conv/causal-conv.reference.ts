/**
 * `causal-conv` in plain loops.
 */
import { silu } from "@blackmamba/kernels";
import { f32, type HostOperands } from "@blackmamba/tensor";
import type { CausalConvOperands } from "./causal-conv.ts";

export function causalConvReference(operands: HostOperands<CausalConvOperands>, _: unknown, tokens: number): void {
  const [inner, taps] = operands.weight.shape;
  const kept = taps - 1;
  const [out, x, weight, bias] = [f32(operands.out), f32(operands.x), f32(operands.weight), f32(operands.bias)];
  const state = operands.state ? f32(operands.state) : new Float32Array(0);
  const { offset, rowStride } = operands.x;
  const inputs = new Float32Array(kept + tokens);

  for (let d = 0; d < inner; d++) {
    for (let j = 0; j < kept; j++) inputs[j] = state[j * inner + d];
    for (let t = 0; t < tokens; t++) inputs[kept + t] = x[offset + t * rowStride + d];
    for (let t = 0; t < tokens; t++) {
      let sum = bias[d];
      for (let j = 0; j < taps; j++) sum += weight[d * taps + j] * inputs[t + j];
      out[t * inner + d] = silu(sum);
    }
    for (let j = 0; j < kept; j++) state[j * inner + d] = inputs[tokens + j];
  }
}
