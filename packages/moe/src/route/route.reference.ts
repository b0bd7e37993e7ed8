/**
 * `route` in plain loops. Gates are rounded to float32 before they are compared: the first of equal ones wins.
 */
import { sigmoid } from "@blackmamba/kernels";
import { f32, type HostOperands, u32 } from "@blackmamba/tensor";
import type { Gating, RouteOperands } from "./route.ts";

export function routeReference(
  operands: HostOperands<RouteOperands>,
  { gating }: { gating: Gating },
  tokens: number,
): void {
  const experts = operands.logits.shape[1];
  const [expert, scale, logits] = [u32(operands.expert), f32(operands.scale), f32(operands.logits)];
  const gates = new Float32Array(experts);

  for (let t = 0; t < tokens; t++) {
    const row = logits.subarray(t * experts, (t + 1) * experts);
    if (gating === "softmax") {
      const largest = row.reduce((a, b) => Math.max(a, b));
      const sum = row.reduce((total, logit) => total + Math.exp(logit - largest), 0);
      for (let e = 0; e < experts; e++) gates[e] = Math.exp(row[e] - largest) / sum;
    } else {
      for (let e = 0; e < experts; e++) gates[e] = sigmoid(row[e]);
    }
    let best = 0;
    for (let e = 1; e < experts; e++) if (gates[e] > gates[best]) best = e;
    expert[t] = best;
    scale[t] = gates[best];
  }
}
