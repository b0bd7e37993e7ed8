/**
 * Each boundary and each token's position is a count over all tokens: of those that come before (expert e, token 0), or before
 * the token itself. Some lanes share a count. That is tokens² comparisons, which for a prompt's chunk is less work than the
 * barriers of a sort, and gives the same order every time.
 */
import { spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import type { GroupOperands } from "./group.ts";

const WORKGROUP_SIZE = 64;

export function groupShader(
  { groups, expert }: GroupOperands,
  { experts }: { experts: number },
  { software }: AdapterTraits,
): Shader {
  // An emulated GPU runs lanes one after another, and barriers cost dearly.
  const lanes = software ? 1 : 16;
  const counts = WORKGROUP_SIZE / lanes;
  return {
    bindings: [
      { name: "groups", tensor: groups, access: "read_write", type: "array<u32>" },
      { name: "expert", tensor: expert, access: "read", type: "array<u32>" },
    ],
    code: `
var<workgroup> parts: array<u32, ${WORKGROUP_SIZE}>;`,
    workgroupSize: WORKGROUP_SIZE,
    main: `let index = ${WORKGROUP_INDEX} * ${counts}u + thread / ${lanes}u;
  let is_boundary = index <= ${experts}u;
  let token = select(index - ${experts + 1}u, 0u, is_boundary);
  var own = index;
  if (!is_boundary) { own = expert[min(token, run.tokens - 1u)]; }
  var count = 0u;
  for (var t = thread % ${lanes}u; t < run.tokens; t += ${lanes}u) {
    let other = expert[t];
    count += u32(other < own || (other == own && t < token));
  }
  ${
    lanes === 1
      ? ""
      : `parts[thread] = count;
  workgroupBarrier();
  if (thread % ${lanes}u != 0u) { return; }
  for (var lane = 1u; lane < ${lanes}u; lane++) { count += parts[thread + lane]; }`
  }
  if (is_boundary) {
    groups[index] = count;
  } else if (token < run.tokens) {
    groups[${experts + 1}u + count] = token;
  }`,
    workgroups: (tokens) => spread(Math.ceil((tokens + experts + 1) / counts)),
  };
}
