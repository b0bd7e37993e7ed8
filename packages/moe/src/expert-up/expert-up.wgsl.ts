/**
 * Every workgroup computes the routing for itself, from a router of a few rows that lies in the cache: that takes less time
 * than another dispatch. Then its lanes multiply their rows of the chosen expert's matrix. The first workgroup writes the
 * routing down.
 */
import { chunkLoader, GELU, MAIN_PARAMETERS, type MatVec, matVec, overChunks, SIGMOID } from "@blackmamba/kernels";
import type { AdapterTraits, Binding, Shader, Tensor } from "@blackmamba/tensor";
import type { Gating } from "../route/route.ts";
import type { ExpertUpOperands, ExpertUpParams } from "./expert-up.ts";

export function expertUpShader(
  operands: ExpertUpOperands,
  { gating, gated, epsilon, firstExpert = 0 }: ExpertUpParams,
  traits: AdapterTraits,
): Shader {
  const { out, expert, routes, x, norm, router, routerBias, up, upBias } = operands;
  const ffn = out.shape[1] ?? 1;
  const experts = router.shape[0] ?? 1;
  const bound = up.shape[0] ?? 1;
  const product = matVec({ x, weights: up, norm: { weight: norm, epsilon } }, { outputs: ffn, paired: gated }, traits);
  const routing = routerProduct(product, router);
  const biasAt = (row: string) =>
    upBias ? `up_bias[(${firstExpert}u + matrix) * ${gated ? 2 * ffn : ffn}u + ${row}]` : "0.0";
  const read = (name: string, tensor: Tensor): Binding => ({ name, tensor, access: "read", type: "array<f32>" });
  return {
    bindings: [
      ...product.bindings,
      ...routing.bindings,
      read("router_bias", routerBias),
      ...(upBias ? [read("up_bias", upBias)] : []),
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      { name: "expert", tensor: expert, access: "read_write", type: "array<u32>" },
      { name: "routes", tensor: routes, access: "read_write", type: "array<f32>" },
    ],
    enables: product.enables,
    code: `${SIGMOID}
${GELU}
// Whether the chosen expert's matrix is in the bound part of the stack; otherwise nothing is stored.
var<private> is_bound: bool;
var<workgroup> logits: array<f32, ${experts}>;
${gateFunction(gating, experts)}
fn token_at(position: u32) -> u32 { return position; }
struct Prepared { gate_bias: f32, bias: f32 }
fn prepare(token: u32, matrix: u32, output: u32) -> Prepared {
  return Prepared(${gated ? biasAt("output") : "0.0"}, ${biasAt(gated ? `${ffn}u + output` : "output")});
}
fn finish(prepared: Prepared, ${gated ? "gate: f32, " : ""}sum: f32, token: u32, matrix: u32, output: u32) {
  if (!is_bound) { return; }
  let value = sum + prepared.bias;
  out[output] = ${gated ? "gelu(gate + prepared.gate_bias) * value" : "gelu(value)"};
}
${routing.code}
${product.code}

@compute @workgroup_size(${product.workgroupSize})
fn main(${MAIN_PARAMETERS}) {
  let start = 0u;
  let end = 1u;
  // What does not depend on the vector is on its way before it is there.
  ${routing.begin}
  ${product.stage}
  ${routing.rest}
  workgroupBarrier();
  // Gates are compared, not logits: two logits may share a gate once it is rounded, and then the first expert is taken.
  ${gating === "softmax" ? "let total = gate_total();" : ""}
  var best = 0u;
  var best_gate = gate_of(0u${gating === "softmax" ? ", total" : ""});
  for (var e = 1u; e < ${experts}u; e++) {
    let gate = gate_of(e${gating === "softmax" ? ", total" : ""});
    if (gate > best_gate) {
      best = e;
      best_gate = gate;
    }
  }
  if (workgroup_id.x == 0u && workgroup_id.z == 0u) {
    for (var e = thread; e < ${experts}u; e += ${product.workgroupSize}u) { routes[e] = logits[e]; }
    if (thread == 0u) {
      expert[0] = best;
      routes[${experts}] = best_gate;
    }
  }
  is_bound = best - ${firstExpert}u < ${bound}u;
  let matrix = select(0u, best - ${firstExpert}u, is_bound);
  ${product.begin}
  ${product.rest}
}`,
    workgroups: product.workgroups,
  };
}

/** The router's rows times the vector in workgroup memory, by the same lanes as the matrix's. */
function routerProduct(
  product: MatVec,
  router: Tensor,
): { bindings: readonly Binding[]; code: string; begin: string; rest: string } {
  const [experts = 1, hidden = 1] = router.shape;
  const { lanes, groups } = product.shape;
  const w = chunkLoader("router", router);
  const quads = Array.from({ length: w.elements / 4 }, (_, i) => i);
  const { begin, rest } = overChunks({
    ...{ count: Math.ceil(hidden / w.elements), lanes, loadsPerChunk: 1, isUnrolled: true, name: "router_at" },
    load: (suffix, chunk) => `let router${suffix} = router_chunk(router_row, ${chunk});`,
    multiply: (suffix, chunk, keep) => {
      const dot = quads.reduce((sum, i) => {
        const v = product.staged(`(${chunk} * ${w.elements}u + ${4 * i}u)`);
        return `dot_add(${w.quad(`router${suffix}`, i)}, ${v}${keep ? ` * ${keep}` : ""}, ${sum})`;
      }, "0.0");
      return `dots += ${w.scale ? `${w.scale(`router${suffix}`)} * ${dot}` : dot};`;
    },
  });
  const zeros = Array<string>(product.sumWidth - 1).fill("0.0");
  const total =
    product.sumWidth === 1
      ? "lane_sum(dots, thread)"
      : `lane_sum(${product.sumType}(${["dots", ...zeros].join(", ")}), thread).x`;
  // As many experts at a time as there are groups of lanes.
  const rounds = Math.ceil(experts / groups);
  const row = (round: string) => `let e = ${round} * ${groups}u + thread / ${lanes}u;
    let router_row = min(e, ${experts - 1}u);
    let bias = router_bias[router_row];
    ${begin}`;
  const sum = `var dots = 0.0;
    ${rest}
    let logit = ${total} * inverse + bias;
    if (lane == 0u && e < ${experts}u) { logits[e] = logit; }`;
  return {
    bindings: w.bindings,
    code: w.code,
    begin: `let lane = thread % ${lanes}u;
  ${rounds === 1 ? row("0u") : ""}`,
    rest:
      rounds === 1
        ? sum
        : `for (var round = 0u; round < ${rounds}u; round++) {
    ${row("round")}
    ${sum}
  }`,
  };
}

/** Declares `gate_of`: the gate of a logit in workgroup memory, given the total that softmax needs. */
function gateFunction(gating: Gating, experts: number): string {
  if (gating === "sigmoid") return "fn gate_of(e: u32) -> f32 { return sigmoid(logits[e]); }";
  return `struct GateTotal { largest: f32, sum: f32 }
fn gate_total() -> GateTotal {
  var largest = logits[0];
  for (var e = 1u; e < ${experts}u; e++) { largest = max(largest, logits[e]); }
  var sum = 0.0;
  for (var e = 0u; e < ${experts}u; e++) { sum += exp(logits[e] - largest); }
  return GateTotal(largest, sum);
}
fn gate_of(e: u32, total: GateTotal) -> f32 { return exp(logits[e] - total.largest) / total.sum; }`;
}
