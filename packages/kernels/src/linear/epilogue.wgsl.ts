/**
 * What both shaders of `linear` do with a finished sum: bias, activation, scale, and where the result goes.
 */
import type { Binding } from "@blackmamba/tensor";
import { SOFTPLUS } from "../wgsl/math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";

/** Declares `fn finish(sum: f32, token: u32, matrix: u32, output: u32)`. `matrix` counts within the bound stack. */
export function epilogue(
  { out, bias, scale }: LinearOperands,
  { activation, accumulate, firstExpert = 0 }: LinearParams,
): { bindings: Binding[]; code: string } {
  const bindings: Binding[] = [{ name: "out", tensor: out, access: "read_write", type: "array<f32>" }];
  if (bias) bindings.push({ name: "bias", tensor: bias, access: "read", type: "array<f32>" });
  if (scale) bindings.push({ name: "scale", tensor: scale, access: "read", type: "array<f32>" });
  const outputs = out.shape[1];
  const code = `${activation === "softplus" ? SOFTPLUS : ""}
fn finish(sum: f32, token: u32, matrix: u32, output: u32) {
  var value = sum;
  ${bias ? `value += bias[${bias.offset}u + (${firstExpert}u + matrix) * ${outputs}u + output];` : ""}
  ${activation === "softplus" ? "value = softplus(value);" : ""}
  ${scale ? "value *= scale[token];" : ""}
  let at = ${out.offset}u + token * ${out.rowStride}u + output;
  out[at] = ${accumulate ? "out[at] + value" : "value"};
}`;
  return { bindings, code };
}
