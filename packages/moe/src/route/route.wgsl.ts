/**
 * One thread per token: there are few experts.
 */
import { SIGMOID, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Shader } from "@blackmamba/tensor";
import type { Gating, RouteOperands } from "./route.ts";

const WORKGROUP_SIZE = 64;

export function routeShader({ expert, routes }: RouteOperands, { gating }: { gating: Gating }): Shader {
  const experts = routes.shape[1] - 1;
  const gate = (e: string) =>
    gating === "softmax" ? `exp(routes[start + ${e}] - largest) / sum` : `sigmoid(routes[start + ${e}])`;
  return {
    bindings: [
      { name: "expert", tensor: expert, access: "read_write", type: "array<u32>" },
      { name: "routes", tensor: routes, access: "read_write", type: "array<f32>" },
    ],
    code: `${SIGMOID}`,
    workgroupSize: WORKGROUP_SIZE,
    main: `let t = ${WORKGROUP_INDEX} * ${WORKGROUP_SIZE}u + thread;
  if (t >= run.tokens) { return; }
  let start = t * ${experts + 1}u;
  ${
    gating === "softmax"
      ? `var largest = routes[start];
  for (var e = 1u; e < ${experts}u; e++) { largest = max(largest, routes[start + e]); }
  var sum = 0.0;
  for (var e = 0u; e < ${experts}u; e++) { sum += exp(routes[start + e] - largest); }`
      : ""
  }
  // Gates are compared, not logits: two logits may share a gate once it is rounded, and then the first expert is taken.
  var best = 0u;
  var best_gate = ${gate("0u")};
  for (var e = 1u; e < ${experts}u; e++) {
    let gate = ${gate("e")};
    if (gate > best_gate) {
      best = e;
      best_gate = gate;
    }
  }
  expert[t] = best;
  routes[start + ${experts}u] = best_gate;`,
    workgroups: (tokens) => spread(Math.ceil(tokens / WORKGROUP_SIZE)),
  };
}
