/**
 * One thread per channel, whose state stays its own from the first token to the last; threads share nothing. For adapters
 * that are really a CPU, where barriers cost dearly, and for states too large for `selective-scan-tiled.wgsl.ts`.
 */
import { SILU, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Shader, Tensor } from "@blackmamba/tensor";
import { scanBindings } from "./scan-bindings.ts";
import type { SelectiveScanOperands } from "./selective-scan.ts";

const WORKGROUP_SIZE = 64;

export function selectiveScanSoftware(operands: SelectiveScanOperands): Shader {
  const { dt, B, C, z } = operands;
  const [inner, states] = operands.A.shape;
  const row = ({ offset, rowStride }: Tensor) => `${offset}u + t * ${rowStride}u`;
  const { bindings, nameOfU, nameOfC } = scanBindings(operands);
  return {
    bindings,
    code: `${SILU}`,
    workgroupSize: WORKGROUP_SIZE,
    main: `let d = ${WORKGROUP_INDEX} * ${WORKGROUP_SIZE}u + thread;
  if (d >= ${inner}u) { return; }
  var s: array<f32, ${states}>;
  var a: array<f32, ${states}>;
  for (var n = 0u; n < ${states}u; n++) {
    s[n] = state[d * ${states}u + n];
    a[n] = A[d * ${states}u + n];
  }
  for (var t = 0u; t < run.tokens; t++) {
    let step = dt[${row(dt)} + d];
    let input = ${nameOfU}[t * ${inner}u + d];
    var y = D[d] * input;
    for (var n = 0u; n < ${states}u; n++) {
      s[n] = fma(exp(step * a[n]), s[n], step * input * B[${row(B)} + n]);
      y = fma(s[n], ${nameOfC}[${row(C)} + n], y);
    }
    out[t * ${inner}u + d] = y * silu(z[${row(z)} + d]);
  }
  for (var n = 0u; n < ${states}u; n++) { state[d * ${states}u + n] = s[n]; }`,
    workgroups: () => spread(Math.ceil(inner / WORKGROUP_SIZE)),
  };
}
