/**
 * One thread per channel: its state stays in registers from the first token to the last.
 */
import { MAIN_PARAMETERS, SILU, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Binding, Shader, Tensor } from "@blackmamba/tensor";
import type { SelectiveScanOperands } from "./selective-scan.ts";

const WORKGROUP_SIZE = 64;

export function selectiveScanShader(operands: SelectiveScanOperands): Shader {
  const { B, C, z } = operands;
  const [inner, states] = operands.A.shape;
  const read = (name: string, tensor: Tensor): Binding => ({ name, tensor, access: "read", type: "array<f32>" });
  const write = (name: string, tensor: Tensor): Binding => ({ ...read(name, tensor), access: "read_write" });
  const row = ({ offset, rowStride }: Tensor) => `${offset}u + t * ${rowStride}u`;
  // B and C are views of one tensor, side by side, and WebGPU promises only eight buffers.
  const shared = B.storage === C.storage && B.values.byteOffset === C.values.byteOffset;
  return {
    bindings: [
      write("out", operands.out),
      read("u", operands.u),
      read("dt", operands.dt),
      read("A", operands.A),
      read("B", B),
      ...(shared ? [] : [read("C", C)]),
      read("D", operands.D),
      read("z", z),
      write("state", operands.state),
    ],
    code: `${SILU}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(${MAIN_PARAMETERS}) {
  let d = ${WORKGROUP_INDEX} * ${WORKGROUP_SIZE}u + thread;
  if (d >= ${inner}u) { return; }
  var s: array<f32, ${states}>;
  var a: array<f32, ${states}>;
  for (var n = 0u; n < ${states}u; n++) {
    s[n] = state[d * ${states}u + n];
    a[n] = A[d * ${states}u + n];
  }
  for (var t = 0u; t < run.tokens; t++) {
    let step = dt[t * ${inner}u + d];
    let input = u[t * ${inner}u + d];
    var y = D[d] * input;
    for (var n = 0u; n < ${states}u; n++) {
      s[n] = fma(exp(step * a[n]), s[n], step * input * B[${row(B)} + n]);
      y = fma(s[n], ${shared ? "B" : "C"}[${row(C)} + n], y);
    }
    out[t * ${inner}u + d] = y * silu(z[${row(z)} + d]);
  }
  for (var n = 0u; n < ${states}u; n++) { state[d * ${states}u + n] = s[n]; }
}`,
    workgroups: () => spread(Math.ceil(inner / WORKGROUP_SIZE)),
  };
}
