/**
 * `scan-step` in plain loops.
 */
import { silu, softplus } from "@blackmamba/kernels";
import { f32, type HostOperands, type HostTensor, rowReader } from "@blackmamba/tensor";
import type { ScanStepOperands } from "./scan-step.ts";

export function scanStepReference(operands: HostOperands<ScanStepOperands>, _: unknown, runTokens: number): void {
  const { u, z, lowRank, B, C } = operands;
  const tokens = Math.min(runTokens, u.shape[0]);
  const [inner, states] = operands.A.shape;
  const dtRank = lowRank.shape[1];
  const [dtBias, A, D, state] = [f32(operands.dtBias), f32(operands.A), f32(operands.D), f32(operands.state)];
  const dtProjRow = rowReader(operands.dtProj);
  const at = (tensor: HostTensor, t: number) => tensor.offset + t * tensor.rowStride;

  for (let t = 0; t < tokens; t++) {
    for (let d = 0; d < inner; d++) {
      const row = dtProjRow(d);
      let low = dtBias[d];
      for (let r = 0; r < dtRank; r++) low += row[r] * f32(lowRank)[at(lowRank, t) + r];
      const dt = softplus(low);
      const input = f32(u)[at(u, t) + d];
      let y = D[d] * input;
      for (let n = 0; n < states; n++) {
        const own = (t * inner + d) * states + n;
        const s = Math.exp(dt * A[d * states + n]) * state[own] + dt * input * f32(B)[at(B, t) + n];
        state[own] = s;
        y += s * f32(C)[at(C, t) + n];
      }
      f32(u)[at(u, t) + d] = y * silu(f32(z)[at(z, t) + d]);
    }
  }
}
