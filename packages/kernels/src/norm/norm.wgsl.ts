/**
 * One workgroup per token: its lanes add up their parts in a tree, twice, as the variance needs the mean first.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { MAIN_PARAMETERS, spread, WORKGROUP_INDEX } from "../dispatch.ts";
import type { NormOperands, NormParams } from "./norm.ts";

export function normShader(
  { out, x, weight, bias }: NormOperands,
  { kind, epsilon, lastOnly }: NormParams,
  { software }: AdapterTraits,
): Shader {
  const hidden = x.shape[1];
  // An emulated GPU runs lanes one after another; a real one needs enough of them to hide memory latency.
  const lanes = software ? 1 : 128;
  return {
    bindings: [
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      { name: "x", tensor: x, access: "read", type: "array<f32>" },
      { name: "weight", tensor: weight, access: "read", type: "array<f32>" },
      ...(bias ? [{ name: "bias", tensor: bias, access: "read", type: "array<f32>" } as const] : []),
    ],
    code: `
var<workgroup> partial: array<f32, ${lanes}>;

fn total(value: f32, lane: u32) -> f32 {
  workgroupBarrier(); // the sum before has been read by all
  partial[lane] = value;
  for (var half = ${Math.floor(lanes / 2)}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  workgroupBarrier();
  return partial[0];
}

@compute @workgroup_size(${lanes})
fn main(${MAIN_PARAMETERS}) {
  let token = ${lastOnly ? "run.tokens - 1u" : WORKGROUP_INDEX};
  if (token >= run.tokens) { return; }
  let start = token * ${hidden}u;
  var mean = 0.0;
  ${
    kind === "layer"
      ? `var sum = 0.0;
  for (var i = thread; i < ${hidden}u; i += ${lanes}u) { sum += x[start + i]; }
  mean = total(sum, thread) / ${hidden}.0;`
      : ""
  }
  var squares = 0.0;
  for (var i = thread; i < ${hidden}u; i += ${lanes}u) {
    let d = x[start + i] - mean;
    squares += d * d;
  }
  let deviation = sqrt(total(squares, thread) / ${hidden}.0 + ${epsilon});
  for (var i = thread; i < ${hidden}u; i += ${lanes}u) {
    out[${lastOnly ? "" : "start + "}i] = (x[start + i] - mean) / deviation * weight[i]${bias ? " + bias[i]" : ""};
  }
}`,
    workgroups: (tokens) => (lastOnly ? [1, 1, 1] : spread(tokens)),
  };
}
