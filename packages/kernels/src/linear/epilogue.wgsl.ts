/**
 * What the shaders of `linear` do with a finished sum: bias, activation, scale, and where the result goes.
 */
import type { AdapterTraits, Binding, Tensor } from "@blackmamba/tensor";
import { exchangedInput, exchangedOutput } from "../wgsl/exchanged.ts";
import { GELU, SOFTPLUS } from "../wgsl/math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";

/**
 * Declares `struct Prepared` and `fn prepare(token: u32, matrix: u32, output: u32) -> Prepared`: what a result needs beside its
 * sum; then `fn finish(prepared: Prepared, sum: f32, token: u32, matrix: u32, output: u32)`, for a gated activation with the
 * gate's sum before `sum`. `matrix` counts within the bound stack.
 */
export function epilogue(
  { out, bias, scale }: LinearOperands,
  { activation, accumulate, firstExpert = 0 }: LinearParams,
  { chained }: Pick<AdapterTraits, "chained"> = { chained: false },
): { bindings: Binding[]; code: string } {
  const bindings: Binding[] = chained
    ? [exchangedOutput("out", out), ...(accumulate ? [exchangedInput("before", out, "own")] : [])]
    : [{ name: "out", tensor: out, access: "read_write", type: "array<f32>" }];
  if (bias) bindings.push({ name: "bias", tensor: bias, access: "read", type: "array<f32>" });
  if (scale) {
    const plain = { name: "scale", tensor: scale, access: "read", type: "array<f32>" } as const;
    bindings.push(chained ? exchangedInput("scale", scale) : plain);
  }
  const outputs = out.shape[1];
  const isGated = activation === "gated-gelu";
  const rows = isGated ? 2 * outputs : outputs;
  const at = `${out.offset}u + token * ${out.rowStride}u + output`;
  const prepared = {
    ...(bias && { bias: biasAt(bias, "output") }),
    ...(bias && isGated && { gate_bias: biasAt(bias, "output"), bias: biasAt(bias, `${outputs}u + output`) }),
    ...(scale && { scale: chained ? "scale_at(0u)" : `scale[${scale.offset}u + token * ${scale.rowStride}u]` }),
    ...(accumulate && { before: chained ? "before_at(output)" : `out[${at}]` }),
  };
  // A struct has to have a member.
  const members = Object.entries(Object.keys(prepared).length > 0 ? prepared : { nothing: "0.0" });
  const withBias = bias ? "(sum + prepared.bias)" : "sum";
  const activated = {
    none: withBias,
    softplus: `softplus(${withBias})`,
    gelu: `gelu(${withBias})`,
    "gated-gelu": `gelu(${bias ? "gate + prepared.gate_bias" : "gate"}) * ${withBias}`,
  }[activation ?? "none"];
  const result = accumulate ? "prepared.before + value" : "value";
  const functions = activation === undefined ? "" : activation === "softplus" ? SOFTPLUS : GELU;
  const code = `${functions}
struct Prepared { ${members.map(([name]) => `${name}: f32`).join(", ")} }
fn prepare(token: u32, matrix: u32, output: u32) -> Prepared {
  return Prepared(${members.map(([, value]) => value).join(", ")});
}
fn finish(prepared: Prepared, ${isGated ? "gate: f32, " : ""}sum: f32, token: u32, matrix: u32, output: u32) {
  let value = ${activated}${scale ? " * prepared.scale" : ""};
  ${chained ? `out_put(output, ${result})` : `out[${at}] = ${result}`};
}`;
  return { bindings, code };

  function biasAt(tensor: Tensor, row: string): string {
    return `bias[${tensor.offset}u + (${firstExpert}u + matrix) * ${rows}u + ${row}]`;
  }
}
