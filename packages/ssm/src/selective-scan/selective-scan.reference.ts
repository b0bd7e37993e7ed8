/**
 * `selective-scan` in plain loops.
 */
import { silu } from "@blackmamba/kernels";
import { f32, type HostOperands } from "@blackmamba/tensor";
import type { SelectiveScanOperands } from "./selective-scan.ts";

export function selectiveScanReference(
  operands: HostOperands<SelectiveScanOperands>,
  _: unknown,
  tokens: number,
): void {
  const [inner, states] = operands.A.shape;
  const [out, u, dt, A, D] = [f32(operands.out), f32(operands.u), f32(operands.dt), f32(operands.A), f32(operands.D)];
  const [B, C, z, state] = [f32(operands.B), f32(operands.C), f32(operands.z), f32(operands.state)];
  const rowOf = ({ offset, rowStride }: { offset: number; rowStride: number }, t: number) => offset + t * rowStride;

  for (let t = 0; t < tokens; t++) {
    const [bRow, cRow, zRow] = [rowOf(operands.B, t), rowOf(operands.C, t), rowOf(operands.z, t)];
    const dtRow = rowOf(operands.dt, t);
    for (let d = 0; d < inner; d++) {
      const step = dt[dtRow + d];
      const input = u[t * inner + d];
      let y = D[d] * input;
      for (let n = 0; n < states; n++) {
        const at = d * states + n;
        const s = Math.exp(step * A[at]) * state[at] + step * input * B[bRow + n];
        state[at] = s;
        y += s * C[cRow + n];
      }
      out[t * inner + d] = y * silu(z[zRow + d]);
    }
  }
}
