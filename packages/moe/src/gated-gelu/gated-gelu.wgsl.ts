/**
 * One thread per element.
 */
import { GELU, MAIN_PARAMETERS, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Shader } from "@blackmamba/tensor";
import type { GatedGeluOperands } from "./gated-gelu.ts";

const WORKGROUP_SIZE = 64;

export function gatedGeluShader({ out, x }: GatedGeluOperands, { gated }: { gated: boolean }): Shader {
  const ffn = out.shape[1];
  return {
    bindings: [
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      { name: "x", tensor: x, access: "read", type: "array<f32>" },
    ],
    code: `${GELU}

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(${MAIN_PARAMETERS}) {
  let index = ${WORKGROUP_INDEX} * ${WORKGROUP_SIZE}u + thread;
  if (index >= run.tokens * ${ffn}u) { return; }
  ${
    gated
      ? `let at = (index / ${ffn}u) * ${2 * ffn}u + index % ${ffn}u;
  out[index] = gelu(x[at]) * x[at + ${ffn}u];`
      : "out[index] = gelu(x[index]);"
  }
}`,
    workgroups: (tokens) => spread(Math.ceil((tokens * ffn) / WORKGROUP_SIZE)),
  };
}
