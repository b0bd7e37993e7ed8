/**
 * `samplePick` in plain loops.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { NAN_KEY } from "../key.ts";
import { NAN_FLAG, NO_ID } from "./no-id.ts";
import type { SamplePickOperands } from "./pick.ts";

export function samplePickReference(operands: HostOperands<SamplePickOperands>, _: unknown, tokens: number): void {
  const [keys, ids, next] = [u32(operands.keys), u32(operands.ids), u32(operands.next)];
  const [chosen, steps] = [u32(operands.chosen), u32(operands.steps)];
  const marks = operands.marks && u32(operands.marks);
  const [slices, kept] = [operands.keys.shape[1], operands.chosen.shape[1]];
  for (let row = 0; row < tokens; row++) {
    let best = row * slices;
    for (let i = best + 1; i < (row + 1) * slices; i++) {
      if (keys[i] > keys[best] || (keys[i] === keys[best] && ids[i] < ids[best])) best = i;
    }
    const isNumber = keys[best] !== NAN_KEY;
    next[row] = isNumber ? ids[best] : NO_ID;
    chosen[row * kept + (steps[row] % kept)] = isNumber ? ids[best] : ids[best] | NAN_FLAG;
    steps[row]++;
    if (marks && isNumber) marks[row * (operands.marks?.shape[1] ?? 0) + ids[best]]++;
  }
}
