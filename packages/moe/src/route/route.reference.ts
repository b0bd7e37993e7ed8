/**
 * `route` in plain loops, in float32 arithmetic at every step: near saturation many logits share one float32 gate, the first
 * of equal gates wins, and in double precision another expert would.
 */
import { f32, type HostOperands, u32 } from "@blackmamba/tensor";
import type { Gating, RouteOperands } from "./route.ts";

export function routeReference(
  operands: HostOperands<RouteOperands>,
  { gating }: { gating: Gating },
  tokens: number,
): void {
  const width = operands.routes.shape[1];
  const experts = width - 1;
  const [expert, routes] = [u32(operands.expert), f32(operands.routes)];
  const gates = new Float32Array(experts);

  for (let t = 0; t < tokens; t++) {
    const row = routes.subarray(t * width, t * width + experts);
    if (gating === "softmax") {
      const largest = row.reduce((a, b) => Math.max(a, b));
      const exp = (logit: number) => fround(Math.exp(fround(logit - largest)));
      const sum = row.reduce((total, logit) => fround(total + exp(logit)), 0);
      for (let e = 0; e < experts; e++) gates[e] = exp(row[e]) / sum;
    } else {
      for (let e = 0; e < experts; e++) gates[e] = sigmoid32(row[e]);
    }
    let best = 0;
    for (let e = 1; e < experts; e++) if (gates[e] > gates[best]) best = e;
    expert[t] = best;
    routes[t * width + experts] = gates[best];
  }
}

const { fround } = Math;

/** 1 / (1 + e^-x) as float32 arithmetic has it, never taking exp of a positive number. */
function sigmoid32(x: number): number {
  const e = fround(Math.exp(-Math.abs(x)));
  return fround((x >= 0 ? 1 : e) / fround(1 + e));
}
