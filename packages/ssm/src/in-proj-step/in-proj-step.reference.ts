/**
 * `in-proj-step` in plain loops, but for the matrix, which `linear` multiplies: its reference, or its twin for the CPU.
 */
import { hostMatrix, linear, silu } from "@blackmamba/kernels";
import { f32, type HostOperands, type HostTensor } from "@blackmamba/tensor";
import type { InProjStepOperands, InProjStepParams } from "./in-proj-step.ts";

type Operands = HostOperands<InProjStepOperands>;

export function inProjStepReference(operands: Operands, params: InProjStepParams, tokens: number): void {
  step(operands, params, tokens, linear.reference);
}

export function inProjStepCpu(operands: Operands, params: InProjStepParams, tokens: number): void {
  step(operands, params, tokens, linear.cpu ?? linear.reference);
}

function step(
  { u, z, x, norm, weights, bias, ...convolution }: Operands,
  { epsilon }: InProjStepParams,
  runTokens: number,
  multiply: typeof linear.reference,
): void {
  const tokens = Math.min(runTokens, u.shape[0]);
  const inner = u.shape[1];
  const taps = convolution.conv.shape[1];
  const [conv, convBias] = [f32(convolution.conv), f32(convolution.convBias)];
  const state = convolution.state ? f32(convolution.state) : new Float32Array(0);
  const at = (tensor: HostTensor, t: number) => tensor.offset + t * tensor.rowStride;

  const v = hostMatrix(tokens, 2 * inner);
  multiply(
    { out: v, x, weights, norm, bias, expert: undefined, groups: undefined, scale: undefined },
    { epsilon },
    tokens,
  );
  for (let t = 0; t < tokens; t++) {
    for (let d = 0; d < inner; d++) {
      const input = f32(v)[t * 2 * inner + d];
      let sum = convBias[d] + conv[d * taps + taps - 1] * input;
      for (let j = 0; j < taps - 1; j++) {
        const own = (t * (taps - 1) + j) * inner + d;
        sum += conv[d * taps + j] * state[own];
        state[own] = j + 1 < taps - 1 ? state[own + inner] : input;
      }
      f32(u)[at(u, t) + d] = silu(sum);
      f32(z)[at(z, t) + d] = f32(v)[t * 2 * inner + inner + d];
    }
  }
}
