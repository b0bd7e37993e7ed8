/**
 * The tokens of one expert among a few: each workgroup looks at all of them, which takes less time than another dispatch.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import type { LinearParams } from "./linear.ts";

/** The pieces. */
export interface OwnTokens {
  readonly bindings: readonly Binding[];
  /** Declares `fn token_at(position: u32) -> u32`. */
  readonly code: string;
  /** Statements in uniform control flow that declare `count`: how many tokens there are for `matrix`, of the bound stack. */
  readonly find: string;
}

/** @param workgroupSize - at least as many as there may be tokens */
export function ownTokens(expert: Tensor, { firstExpert = 0 }: LinearParams, workgroupSize: number): OwnTokens {
  const capacity = expert.shape[0] ?? 1;
  if (capacity > workgroupSize) throw new RangeError(`${capacity} tokens, ${workgroupSize} threads`);
  return {
    bindings: [{ name: "expert", tensor: expert, access: "read", type: "array<u32>" }],
    code: `var<workgroup> is_own: array<u32, ${capacity}>;
var<workgroup> own_tokens: array<u32, ${capacity}>;
var<workgroup> own_count: u32;
fn token_at(position: u32) -> u32 { return own_tokens[position]; }`,
    find: `if (thread < ${capacity}u) {
    is_own[thread] = u32(thread < run.tokens && expert[thread] == ${firstExpert}u + matrix);
  }
  workgroupBarrier();
  if (thread < ${capacity}u) {
    var before = 0u;
    for (var other = 0u; other < thread; other++) { before += is_own[other]; }
    if (is_own[thread] != 0u) { own_tokens[before] = thread; }
    if (thread == ${capacity - 1}u) { own_count = before + is_own[thread]; }
  }
  let count = workgroupUniformLoad(&own_count);`,
  };
}
