/**
 * `group` in plain loops.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import type { GroupOperands } from "./group.ts";

export function groupReference(
  operands: HostOperands<GroupOperands>,
  { experts }: { experts: number },
  tokens: number,
): void {
  const [groups, expert] = [u32(operands.groups), u32(operands.expert)];
  let position = 0;
  for (let e = 0; e < experts; e++) {
    groups[e] = position;
    for (let t = 0; t < tokens; t++) if (expert[t] === e) groups[experts + 1 + position++] = t;
  }
  groups[experts] = position;
}
