/**
 * One workgroup per token. While its vector is laid out in workgroup memory, each thread multiplies its elements with the router's
 * rows as well, so that one barrier serves the norm and all logits.
 */
import { SIGMOID, spread, stagedVector, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { chooseExpert } from "../choose-expert.wgsl.ts";
import type { NormRouteOperands, NormRouteParams } from "./norm-route.ts";

/** Threads that share a token. */
const WORKGROUP_SIZE = 128;

export function normRouteShader(
  { normed, expert, routes, x, norm, router, routerBias }: NormRouteOperands,
  { gating, epsilon }: NormRouteParams,
  traits: AdapterTraits,
): Shader {
  const hidden = x.shape[1];
  const experts = router.shape[0] ?? 1;
  // An emulated GPU runs lanes one after another, and barriers cost dearly.
  const workgroupSize = traits.software ? 1 : WORKGROUP_SIZE;
  const vector = stagedVector(
    { x, norm: { weight: norm, epsilon }, small: router, elements: 4, inDigits: false, workgroupSize },
    { ...traits, chained: false },
  );
  const each = Array.from({ length: experts }, (_, e) => e);
  const start = `token * ${experts + 1}u`;
  return {
    bindings: [
      ...vector.bindings,
      { name: "router_bias", tensor: routerBias, access: "read", type: "array<f32>" },
      { name: "normed", tensor: normed, access: "read_write", type: "array<f32>" },
      { name: "expert", tensor: expert, access: "read_write", type: "array<u32>" },
      { name: "routes", tensor: routes, access: "read_write", type: "array<f32>" },
    ],
    enables: vector.enables,
    code: `${SIGMOID}
${vector.code}`,
    workgroupSize,
    main: `let token = ${WORKGROUP_INDEX};
  if (token >= run.tokens) { return; }
  let vector_token = token;
  ${vector.stage}
  for (var i = thread; i < ${hidden}u; i += ${workgroupSize}u) {
    let quad = ${vector.quad(0, "(i / 4u)")};
    normed[token * ${hidden}u + i] = quad[i % 4u] * inverse;
  }
  if (thread > 0u) { return; }
  ${each.map((e) => `let logit_${e} = small_${e} + router_bias[${e}];`).join(" ")}
  ${chooseExpert(gating, experts)}
  expert[token] = best;
  ${each.map((e) => `routes[${start} + ${e}u] = logit_${e};`).join(" ")}
  routes[${start} + ${experts}u] = best_gate;`,
    workgroups: spread,
  };
}
