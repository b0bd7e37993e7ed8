/**
 * Every workgroup computes the routing for itself, from a router of a few rows that lies in the cache: that takes less time
 * than another dispatch. Then its lanes multiply their rows of the chosen expert's matrix. The first workgroup writes the
 * routing down.
 */
import { chunkLoader, GELU, MAT_VEC_PARAMETERS, matVec, SIGMOID } from "@blackmamba/kernels";
import type { AdapterTraits, Shader, Tensor } from "@blackmamba/tensor";
import type { Gating } from "../route/route.ts";
import type { ExpertUpOperands, ExpertUpParams } from "./expert-up.ts";

export function expertUpShader(
  operands: ExpertUpOperands,
  { gating, gated, epsilon, firstExpert = 0 }: ExpertUpParams,
  traits: AdapterTraits,
): Shader {
  const { out, expert, routes, x, norm, router, routerBias, up, upBias } = operands;
  const ffn = out.shape[1] ?? 1;
  const [experts, hidden] = router.shape as readonly [number, number];
  const bound = up.shape[0] ?? 1;
  const product = matVec({ x, weights: up, norm: { weight: norm, epsilon } }, { outputs: ffn, paired: gated }, traits);
  const { workgroupSize, shape } = product;
  const chunks = chunkLoader("router", router);
  const lanesPerExpert = shape.lanes;
  const groups = shape.groups;
  const biasAt = (row: string) =>
    upBias ? ` + up_bias[(${firstExpert}u + matrix) * ${gated ? 2 * ffn : ffn}u + ${row}]` : "";
  const quads = Array.from({ length: chunks.elements / 4 }, (_, i) => i);
  const column = (i: number) => `chunk * ${chunks.elements}u + ${4 * i}u`;
  const read = (name: string, tensor: Tensor) => ({ name, tensor, access: "read", type: "array<f32>" }) as const;
  return {
    bindings: [
      ...product.bindings,
      ...chunks.bindings,
      read("router_bias", routerBias),
      ...(upBias ? [read("up_bias", upBias)] : []),
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      { name: "expert", tensor: expert, access: "read_write", type: "array<u32>" },
      { name: "routes", tensor: routes, access: "read_write", type: "array<f32>" },
    ],
    enables: product.enables,
    code: `${SIGMOID}
${GELU}
${chunks.code}
var<workgroup> logits: array<f32, ${experts}>;
var<workgroup> gates: array<f32, ${experts}>;
fn token_at(position: u32) -> u32 { return position; }
fn finish(${gated ? "gate: f32, " : ""}sum: f32, token: u32, matrix: u32, output: u32) {
  ${
    gated
      ? `out[output] = gelu(gate${biasAt("output")}) * (sum${biasAt(`${ffn}u + output`)});`
      : `out[output] = gelu(sum${biasAt("output")});`
  }
}
${product.code}
${gateFunction(gating, experts)}

@compute @workgroup_size(${workgroupSize})
fn main(${MAT_VEC_PARAMETERS}) {
  let start = 0u;
  ${product.stage}
  // Router: the same lanes to an expert as to a row.
  for (var round = 0u; round < ${Math.ceil(experts / groups)}u; round++) {
    let e = round * ${groups}u + thread / ${lanesPerExpert}u;
    var dots = 0.0;
    var squares = 0.0;
    for (var chunk = thread % ${lanesPerExpert}u; chunk < ${Math.ceil(hidden / chunks.elements)}u; chunk += ${lanesPerExpert}u) {
      let w = router_chunk(min(e, ${experts - 1}u), chunk);
      var own = 0.0;
      ${quads
        .map(
          (i) => `{
        let v = ${product.quad("0u", column(i))};
        squares = dot_add(v, v, squares);
        own = dot_add(${chunks.quad("w", i)}, ${product.weighted("v", column(i))}, own);
      }`,
        )
        .join("\n      ")}
      dots += ${chunks.scale ? `${chunks.scale("w")} * own` : "own"};
    }
    let total = lane_sum(vec4<f32>(dots, squares, 0.0, 0.0), thread);
    if (thread % ${lanesPerExpert}u == 0u && e < ${experts}u) {
      logits[e] = total.x${product.isFolded ? ` * (1.0 / sqrt(total.y / ${hidden}.0 + ${epsilon}))` : ""} + router_bias[e];
    }
  }
  workgroupBarrier();
  for (var e = thread; e < ${experts}u; e += ${workgroupSize}u) { gates[e] = gate_of(e); }
  workgroupBarrier();
  // Gates are compared, not logits: two logits may share a gate once it is rounded, and then the first expert is taken.
  var best = 0u;
  for (var e = 1u; e < ${experts}u; e++) { best = select(best, e, gates[e] > gates[best]); }
  if (workgroup_id.x == 0u && workgroup_id.z == 0u) {
    for (var e = thread; e < ${experts}u; e += ${workgroupSize}u) { routes[e] = logits[e]; }
    if (thread == 0u) {
      expert[0] = best;
      routes[${experts}] = gates[best];
    }
  }
  // A matrix of another part of the stack: nothing is stored, as no position is left.
  let is_bound = best - ${firstExpert}u < ${bound}u;
  let matrix = select(0u, best - ${firstExpert}u, is_bound);
  let end = select(0u, 1u, is_bound);
  ${product.body}
}`,
    workgroups: product.workgroups,
  };
}

/** Declares `fn gate_of(e: u32) -> f32`, of the logits in workgroup memory. */
function gateFunction(gating: Gating, experts: number): string {
  if (gating === "sigmoid") return "fn gate_of(e: u32) -> f32 { return sigmoid(logits[e]); }";
  return `fn gate_of(e: u32) -> f32 {
  var largest = logits[0];
  for (var i = 1u; i < ${experts}u; i++) { largest = max(largest, logits[i]); }
  var sum = 0.0;
  for (var i = 0u; i < ${experts}u; i++) { sum += exp(logits[i] - largest); }
  return exp(logits[e] - largest) / sum;
}`;
}
