/**
 * `linear` for one token: a matrix-vector product. Every weight is read once, so bandwidth is all that counts.
 *
 * Several lanes share a row, reading neighbouring elements, and add up their parts in a tree. On an adapter that is really
 * a CPU, lanes run one after another and barriers cost dearly: there, one lane takes a whole row.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { MAIN_PARAMETERS, spread, WORKGROUP_INDEX } from "../dispatch.ts";
import { loader } from "../wgsl/load.ts";
import { epilogue } from "./epilogue.wgsl.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";

const WORKGROUP_SIZE = 64;

export function gemv(operands: LinearOperands, params: LinearParams, { software }: AdapterTraits): Shader {
  const { inputs, outputs, experts } = linearSizes(operands);
  const lanesPerRow = software ? 1 : 32;
  const rowsPerWorkgroup = WORKGROUP_SIZE / lanesPerRow;
  const x = loader("x", operands.x);
  const weights = loader("weights", operands.weights);
  const { bindings, code } = epilogue(operands, params);
  const { expert } = operands;
  const first = params.firstExpert ?? 0;
  return {
    bindings: [
      ...x.bindings,
      ...weights.bindings,
      ...(expert ? [{ name: "expert", tensor: expert, access: "read", type: "array<u32>" } as const] : []),
      ...bindings,
    ],
    code: `${x.code}
${weights.code}
${code}
var<workgroup> partial: array<f32, ${WORKGROUP_SIZE}>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(${MAIN_PARAMETERS}) {
  ${
    expert
      ? `let matrix = expert[0] - ${first}u;
  if (matrix >= ${experts}u) { return; } // also when expert[0] is less than the first, as it wraps`
      : "let matrix = 0u;"
  }
  let output = ${WORKGROUP_INDEX} * ${rowsPerWorkgroup}u + thread / ${lanesPerRow}u;
  let lane = thread % ${lanesPerRow}u;
  var sum = vec4<f32>();
  if (output < ${outputs}u) {
    let row = matrix * ${outputs}u + output;
    for (var k = lane * 4u; k < ${inputs}u; k += ${lanesPerRow * 4}u) {
      sum = fma(weights4(row, k), x4(0u, k), sum);
    }
  }
  partial[thread] = (sum.x + sum.y) + (sum.z + sum.w);
  for (var half = ${Math.floor(lanesPerRow / 2)}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[thread] += partial[thread + half]; }
  }
  if (lane == 0u && output < ${outputs}u) { finish(partial[thread], 0u, matrix, output); }
}`,
    workgroups: () => spread(Math.ceil(outputs / rowsPerWorkgroup)),
  };
}
