/**
 * `linear` for a few tokens on a GPU: sequences that decode together. Every weight is read once for several of them; of a stack
 * of matrices each is multiplied with its own. How rows are shared out: `wgsl/mat-vecs.ts`.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { matVecs } from "../wgsl/mat-vecs.ts";
import { epilogue } from "./epilogue.wgsl.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";
import { ownTokens } from "./own-tokens.wgsl.ts";

/** Workgroups that share an expert's tokens, for the same rows, so that an expert with many does not keep all others waiting. */
const SHARES = 2;

export function gemmFew(operands: LinearOperands, params: LinearParams, traits: AdapterTraits): Shader {
  const { x, weights, expert } = operands;
  const { outputs, paired, experts } = linearSizes(operands);
  const capacity = operands.out.shape[0];
  const product = matVecs({ x, weights }, { outputs, paired, capacity }, traits);
  const { tokens: size, lanes } = product.shape;
  const { bindings, code } = epilogue(operands, params);
  const own = expert && ownTokens(expert, params, product.workgroupSize);
  const tile = `let end = min(start + ${size}u, count);
    ${product.tile}`;
  return {
    bindings: [...product.bindings, ...(own?.bindings ?? []), ...bindings],
    enables: product.enables,
    code: `${own?.code ?? "fn token_at(position: u32) -> u32 { return position; }"}
${code}
${product.code}`,
    workgroupSize: product.workgroupSize,
    main: `let lane = thread % ${lanes}u;
  ${
    own
      ? `let matrix = workgroup_id.y % ${experts}u;
  ${product.begin}
  ${own.find}
  let last = count - 1u;
  for (var start = workgroup_id.y / ${experts}u * ${size}u; start < count; start += ${size * SHARES}u) {
    ${tile}
  }`
      : `let matrix = 0u;
  ${product.begin}
  let count = min(run.tokens, ${capacity}u);
  // What is read of tokens that a run has not is not waited for, and multiplied in vain.
  let last = ${capacity - 1}u;
  let start = workgroup_id.y * ${size}u;
  if (start >= count) { return; }
  {
    ${tile}
  }`
  }`,
    workgroups: (tokens) => product.workgroups(own ? experts * SHARES : Math.ceil(Math.min(tokens, capacity) / size)),
  };
}
