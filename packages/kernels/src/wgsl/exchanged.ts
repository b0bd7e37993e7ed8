/**
 * WGSL that waits, in a chain, for vectors that other calls make, and puts them into workgroup memory: see `Binding.exchanged`.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import { SUBGROUP } from "../tuning.ts";

/** What a chain's call reads of others: by default each workgroup all of it; see `Binding.exchanged`. */
export function exchangedInput(name: string, tensor: Tensor, exchanged: "all" | "own" = "all"): Binding {
  return { name, tensor, access: "read", type: tensor.dtype, exchanged };
}

/** What it makes for others. */
export function exchangedOutput(name: string, tensor: Tensor): Binding {
  return { name, tensor, access: "read_write", type: tensor.dtype, exchanged: "own" };
}

/** A vector to wait for. */
export interface AwaitedVector {
  /** Of its binding. */
  readonly name: string;
  readonly length: number;
  /** Statement that stores an element. */
  store(index: string, value: string): string;
}

/**
 * Statements that wait for vectors, each thread for some elements of each: neighbouring threads for neighbouring ones. All loads of
 * a look are under way at once. Needs `thread`, and uniform control flow; a barrier has to follow.
 */
export function awaitVectors(vectors: readonly AwaitedVector[], workgroupSize: number): string {
  const elements = vectors.flatMap(({ name, length, store }) =>
    Array.from({ length: Math.ceil(length / workgroupSize) }, (_, turn) => {
      const index = `(thread + ${turn * workgroupSize}u)`;
      const isSure = (turn + 1) * workgroupSize <= length;
      return {
        bits: `${name}_${turn}`,
        load: `${name}_bits(${isSure ? index : `min(${index}, ${length - 1}u)`})`,
        store: `${isSure ? "" : `if (${index} < ${length}u) `}{ ${store(index, `bitcast<f32>(${name}_${turn})`)} }`,
      };
    }),
  );
  const last = elements.at(-1);
  if (!last) return "";
  // Until the last is there, only a few threads look for it: many, and they are in the way of those who write.
  return `if (thread < ${SUBGROUP}u) { for (var tries = 0u; is_absent(${last.load}) && !gives_up(tries); tries++) {} }
  workgroupBarrier();
  for (var tries = 0u; ; tries++) {
    ${elements.map(({ bits, load }) => `let ${bits} = ${load};`).join("\n    ")}
    if (!(${elements.map(({ bits }) => `is_absent(${bits})`).join(" || ")}) || gives_up(tries)) {
      ${elements.map(({ store }) => store).join("\n      ")}
      break;
    }
  }`;
}
