/**
 * What the shaders of `linear` do with a finished sum: bias, activation, scale, and where the result goes.
 */
import type { Binding } from "@blackmamba/tensor";
import { GELU, SOFTPLUS } from "../wgsl/math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";

/**
 * Declares `fn finish(sum: f32, token: u32, matrix: u32, output: u32)`, or for a gated activation
 * `fn finish(gate: f32, sum: f32, token: u32, matrix: u32, output: u32)`. `matrix` counts within the bound stack.
 */
export function epilogue(
  { out, bias, scale }: LinearOperands,
  { activation, accumulate, firstExpert = 0 }: LinearParams,
): { bindings: Binding[]; code: string } {
  const bindings: Binding[] = [{ name: "out", tensor: out, access: "read_write", type: "array<f32>" }];
  if (bias) bindings.push({ name: "bias", tensor: bias, access: "read", type: "array<f32>" });
  if (scale) bindings.push({ name: "scale", tensor: scale, access: "read", type: "array<f32>" });
  const outputs = out.shape[1];
  const isGated = activation === "gated-gelu";
  const rows = isGated ? 2 * outputs : outputs;
  const biasOf = (row: string) =>
    bias ? ` + bias[${bias.offset}u + (${firstExpert}u + matrix) * ${rows}u + ${row}]` : "";
  const activated = {
    none: `sum${biasOf("output")}`,
    softplus: `softplus(sum${biasOf("output")})`,
    gelu: `gelu(sum${biasOf("output")})`,
    "gated-gelu": `gelu(gate${biasOf("output")}) * (sum${biasOf(`${outputs}u + output`)})`,
  }[activation ?? "none"];
  const functions = activation === undefined ? "" : activation === "softplus" ? SOFTPLUS : GELU;
  const code = `${functions}
fn finish(${isGated ? "gate: f32, " : ""}sum: f32, token: u32, matrix: u32, output: u32) {
  let value = (${activated})${scale ? ` * scale[${scale.offset}u + token * ${scale.rowStride}u]` : ""};
  let at = ${out.offset}u + token * ${out.rowStride}u + output;
  out[at] = ${accumulate ? "out[at] + value" : "value"};
}`;
  return { bindings, code };
}
