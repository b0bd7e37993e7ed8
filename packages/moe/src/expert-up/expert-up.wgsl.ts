/**
 * Every workgroup computes the routing for itself, from a router of a few rows that lies in the cache: that takes less time
 * than another dispatch. Then its lanes multiply their rows of the chosen expert's matrix. The first workgroup writes the
 * routing down.
 */
import { exchangedOutput, GELU, matVec, SIGMOID } from "@blackmamba/kernels";
import type { AdapterTraits, Binding, Shader, Tensor } from "@blackmamba/tensor";
import { chooseExpert } from "../choose-expert.wgsl.ts";
import type { ExpertUpOperands, ExpertUpParams } from "./expert-up.ts";

export function expertUpShader(
  operands: ExpertUpOperands,
  { gating, gated, epsilon, firstExpert = 0 }: ExpertUpParams,
  adapter: AdapterTraits,
): Shader {
  // A part of a stack leaves the result alone where it has not the expert, and what calls hand each other has to be written.
  const chained = adapter.chained && operands.up.shape[0] === operands.router.shape[0];
  const traits = { ...adapter, chained };
  const { out, expert, routes, x, norm, router, routerBias, up, upBias } = operands;
  const ffn = out.shape[1] ?? 1;
  const experts = router.shape[0] ?? 1;
  const bound = up.shape[0] ?? 1;
  const product = matVec(
    { x, weights: up, norm: { weight: norm, epsilon }, small: router },
    { outputs: ffn, paired: gated },
    traits,
  );
  const each = Array.from({ length: experts }, (_, e) => e);
  const biasAt = (row: string) =>
    upBias ? `up_bias[(${firstExpert}u + matrix) * ${gated ? 2 * ffn : ffn}u + ${row}]` : "0.0";
  const put = (name: string, index: string, value: string) =>
    chained ? `${name}_put(${index}, ${value});` : `${name}[${index}] = ${value};`;
  const read = (name: string, tensor: Tensor): Binding => ({ name, tensor, access: "read", type: "array<f32>" });
  return {
    bindings: [
      ...product.bindings,
      read("router_bias", routerBias),
      ...(upBias ? [read("up_bias", upBias)] : []),
      ...[
        { name: "out", tensor: out },
        { name: "expert", tensor: expert },
        { name: "routes", tensor: routes },
      ].map(({ name, tensor }) =>
        chained
          ? exchangedOutput(name, tensor)
          : { name, tensor, access: "read_write" as const, type: `array<${tensor.dtype}>` },
      ),
    ],
    enables: product.enables,
    code: `${SIGMOID}
${GELU}
// Whether the chosen expert's matrix is in the bound part of the stack; otherwise nothing is stored.
var<private> is_bound: bool;
fn token_at(position: u32) -> u32 { return position; }
struct Prepared { gate_bias: f32, bias: f32 }
fn prepare(token: u32, matrix: u32, output: u32) -> Prepared {
  return Prepared(${gated ? biasAt("output") : "0.0"}, ${biasAt(gated ? `${ffn}u + output` : "output")});
}
fn finish(prepared: Prepared, ${gated ? "gate: f32, " : ""}sum: f32, token: u32, matrix: u32, output: u32) {
  if (!is_bound) { return; }
  let value = sum + prepared.bias;
  ${put("out", "output", gated ? "gelu(gate + prepared.gate_bias) * value" : "gelu(value)")}
}
${product.code}`,
    workgroupSize: product.workgroupSize,
    main: `let start = 0u;
  let end = 1u;
  let lane = thread % ${product.shape.lanes}u;
  // On its way before the vector is there.
  ${each.map((e) => `let bias_${e} = router_bias[${e}];`).join(" ")}
  ${product.stage}
  ${each.map((e) => `let logit_${e} = small_${e} + bias_${e};`).join(" ")}
  ${chooseExpert(gating, experts)}
  is_bound = best - ${firstExpert}u < ${bound}u;
  let matrix = select(0u, best - ${firstExpert}u, is_bound);
  ${product.begin}
  if (workgroup_id.x == 0u && workgroup_id.z == 0u && thread == 0u) {
    ${put("expert", "0u", "best")}
    ${each.map((e) => put("routes", `${e}u`, `logit_${e}`)).join(" ")}
    ${put("routes", `${experts}u`, "best_gate")}
  }
  ${product.rest}`,
    workgroups: product.workgroups,
  };
}
