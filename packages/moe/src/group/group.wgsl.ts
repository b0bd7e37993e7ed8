/**
 * One thread per token or boundary, each counting over all tokens: tokens² comparisons, which for a prompt's chunk is less
 * work than the barriers of a sort, and gives the same order every time.
 */
import { MAIN_PARAMETERS, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Shader } from "@blackmamba/tensor";
import type { GroupOperands } from "./group.ts";

const WORKGROUP_SIZE = 64;

export function groupShader({ groups, expert }: GroupOperands, { experts }: { experts: number }): Shader {
  return {
    bindings: [
      { name: "groups", tensor: groups, access: "read_write", type: "array<u32>" },
      { name: "expert", tensor: expert, access: "read", type: "array<u32>" },
    ],
    code: `
@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(${MAIN_PARAMETERS}) {
  let index = ${WORKGROUP_INDEX} * ${WORKGROUP_SIZE}u + thread;
  if (index < run.tokens) {
    let own = expert[index];
    var position = 0u;
    for (var t = 0u; t < run.tokens; t++) {
      position += u32(expert[t] < own || (expert[t] == own && t < index));
    }
    groups[${experts + 1}u + position] = index;
  }
  if (index <= ${experts}u) {
    var start = 0u;
    for (var t = 0u; t < run.tokens; t++) { start += u32(expert[t] < index); }
    groups[index] = start;
  }
}`,
    workgroups: (tokens) => spread(Math.ceil(Math.max(tokens, experts + 1) / WORKGROUP_SIZE)),
  };
}
