/**
 * One workgroup per row: its lanes find the best slice in a tree, and the first one writes it down.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { NAN_KEY } from "../key.ts";
import { NAN_FLAG, NO_ID } from "./no-id.ts";
import type { SamplePickOperands } from "./pick.ts";

export function samplePickShader(operands: SamplePickOperands, _: unknown, { software }: AdapterTraits): Shader {
  const { keys, ids, next, chosen, steps, marks } = operands;
  const [slices, kept, vocab] = [keys.shape[1], chosen.shape[1], marks?.shape[1]];
  // An emulated GPU runs lanes one after another.
  const lanes = software ? 1 : 128;
  return {
    bindings: [
      { name: "keys", tensor: keys, access: "read", type: "array<u32>" },
      { name: "ids", tensor: ids, access: "read", type: "array<u32>" },
      { name: "next", tensor: next, access: "read_write", type: "array<u32>" },
      { name: "chosen", tensor: chosen, access: "read_write", type: "array<u32>" },
      { name: "steps", tensor: steps, access: "read_write", type: "array<u32>" },
      ...(marks ? [{ name: "marks", tensor: marks, access: "read_write", type: "array<u32>" } as const] : []),
    ],
    code: `struct Best { key: u32, id: u32 }

var<workgroup> partial: array<Best, ${lanes}>;

fn better(a: Best, b: Best) -> Best {
  if (b.key > a.key || (b.key == a.key && b.id < a.id)) { return b; }
  return a;
}`,
    workgroupSize: lanes,
    main: `let row = ${WORKGROUP_INDEX};
  if (row >= run.tokens) { return; }
  var best = Best(0u, ${NO_ID}u);
  for (var slice = thread; slice < ${slices}u; slice += ${lanes}u) {
    best = better(best, Best(keys[row * ${slices}u + slice], ids[row * ${slices}u + slice]));
  }
  partial[thread] = best;
  for (var half = ${Math.floor(lanes / 2)}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] = better(partial[thread], partial[thread + half]); }
  }
  if (thread > 0u) { return; }
  best = partial[0];
  let isNumber = best.key != ${NAN_KEY}u;
  next[row] = select(${NO_ID}u, best.id, isNumber);
  chosen[row * ${kept}u + steps[row] % ${kept}u] = select(best.id | ${NAN_FLAG}u, best.id, isNumber);
  steps[row] += 1u;
  ${marks ? `if (isNumber) { marks[row * ${vocab}u + best.id] += 1u; }` : ""}`,
    workgroups: (tokens) => spread(tokens),
  };
}
