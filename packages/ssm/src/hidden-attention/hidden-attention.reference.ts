/**
 * `hidden-attention` in plain loops.
 */
import { f32, type HostOperands, type HostTensor } from "@blackmamba/tensor";
import type { HiddenAttentionOperands } from "./hidden-attention.ts";

export function hiddenAttentionReference(
  operands: HostOperands<HiddenAttentionOperands>,
  _: unknown,
  tokens: number,
): void {
  const columns = operands.out.shape[1];
  const [inner, states] = operands.A.shape;
  const [out, dt, A] = [f32(operands.out), f32(operands.dt), f32(operands.A)];
  const [B, C] = [f32(operands.B), f32(operands.C)];
  const rowOf = ({ offset, rowStride }: HostTensor, t: number) => offset + t * rowStride;
  const weights = new Float64Array(tokens);

  for (let s = 0; s < columns; s++) {
    weights.fill(0);
    for (let d = 0; d < inner; d++) {
      let elapsed = 0;
      for (let t = s; t < tokens; t++) {
        if (t > s) elapsed += dt[rowOf(operands.dt, t) + d];
        let sum = 0;
        for (let n = 0; n < states; n++) {
          sum += C[rowOf(operands.C, t) + n] * Math.exp(A[d * states + n] * elapsed) * B[rowOf(operands.B, s) + n];
        }
        weights[t] += sum * dt[rowOf(operands.dt, s) + d];
      }
    }
    for (let t = 0; t < tokens; t++) out[rowOf(operands.out, t) + s] = weights[t] / (inner * states);
  }
}
