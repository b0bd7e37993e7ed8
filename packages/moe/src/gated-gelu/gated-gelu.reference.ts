/**
 * `gated-gelu` in plain loops.
 */
import { gelu } from "@blackmamba/kernels";
import { f32, type HostOperands } from "@blackmamba/tensor";
import type { GatedGeluOperands } from "./gated-gelu.ts";

export function gatedGeluReference(
  operands: HostOperands<GatedGeluOperands>,
  { gated }: { gated: boolean },
  tokens: number,
): void {
  const ffn = operands.out.shape[1];
  const [out, x] = [f32(operands.out), f32(operands.x)];
  for (let t = 0; t < tokens; t++) {
    for (let f = 0; f < ffn; f++) {
      out[t * ffn + f] = gated ? gelu(x[2 * t * ffn + f]) * x[(2 * t + 1) * ffn + f] : gelu(x[t * ffn + f]);
    }
  }
}
