/**
 * WGSL that chooses an expert among a few, whose logits a thread has in variables of its own.
 */
import type { Gating } from "./route/route.ts";

/**
 * Statements that declare `best: u32`, the chosen expert, and `best_gate: f32`, of `logit_0` and so on. They need `SIGMOID`.
 */
export function chooseExpert(gating: Gating, experts: number): string {
  const others = Array.from({ length: experts - 1 }, (_, i) => i + 1);
  return `${gates(gating, experts)}
  // Gates are compared, not logits: two logits may share a gate once it is rounded, and then the first expert is taken.
  var best = 0u;
  var best_gate = gate_0;
  ${others.map((e) => `if (gate_${e} > best_gate) { best = ${e}u; best_gate = gate_${e}; }`).join("\n  ")}`;
}

/** Declares `gate_0` and so on. */
function gates(gating: Gating, experts: number): string {
  const each = Array.from({ length: experts }, (_, e) => e);
  if (gating === "sigmoid") return each.map((e) => `let gate_${e} = sigmoid(logit_${e});`).join(" ");
  const largest = each.slice(1).reduce((so, e) => `max(${so}, logit_${e})`, "logit_0");
  return `let largest = ${largest};
  ${each.map((e) => `let exp_${e} = exp(logit_${e} - largest);`).join(" ")}
  let total = ${each.map((e) => `exp_${e}`).join(" + ")};
  ${each.map((e) => `let gate_${e} = exp_${e} / total;`).join(" ")}`;
}
