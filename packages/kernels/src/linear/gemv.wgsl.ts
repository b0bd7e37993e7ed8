/**
 * `linear` for one token: every weight is read once, so bandwidth is all that counts. How rows are shared out:
 * `wgsl/mat-vec.ts`.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { matVec } from "../wgsl/mat-vec.ts";
import { epilogue } from "./epilogue.wgsl.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { DEFAULT_EPSILON, linearSizes } from "./linear-sizes.ts";
import { tiles } from "./tiles.wgsl.ts";

export function gemv(operands: LinearOperands, params: LinearParams, traits: AdapterTraits): Shader {
  const { x, weights, norm } = operands;
  const { outputs, paired } = linearSizes(operands);
  const tokenTiles = tiles(operands, params, 1, traits);
  const product = matVec(
    { x, weights, norm: norm && { weight: norm, epsilon: params.epsilon ?? DEFAULT_EPSILON } },
    { outputs, paired },
    traits,
  );
  const { bindings, code } = epilogue(operands, params, traits);
  return {
    bindings: [...product.bindings, ...tokenTiles.bindings, ...bindings],
    enables: product.enables,
    code: `${tokenTiles.code}
${code}
${product.code}`,
    workgroupSize: product.workgroupSize,
    main: `${tokenTiles.find("workgroup_id.y")}
  let start = tile.start;
  let end = tile.end;
  let matrix = tile.matrix;
  if (start >= end) { return; }
  let lane = thread % ${product.shape.lanes}u;
  ${product.begin}
  ${product.stage}
  ${product.rest}`,
    workgroups: product.workgroups,
  };
}
