/**
 * `linear` for several tokens on an adapter that is really a CPU: each thread keeps 4 × 4 results in registers, so that
 * every element it reads is used four times. Threads share nothing, as barriers cost dearly where threads run one after
 * another.
 */
import type { Shader } from "@blackmamba/tensor";
import { loader } from "../wgsl/load.ts";
import { epilogue } from "./epilogue.wgsl.ts";
import { fourRows } from "./four-rows.wgsl.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";
import { tiles } from "./tiles.wgsl.ts";

/** Tokens of a workgroup's tile: 8 × 8 threads of four tokens and four rows of the weights. */
const TILE = 32;

export function gemmSoftware(operands: LinearOperands, params: LinearParams): Shader {
  const { inputs, outputs } = linearSizes(operands);
  const x = loader("x", operands.x);
  const weights = loader("weights", operands.weights);
  const tokenTiles = tiles(operands, params, TILE);
  const rows = fourRows(operands);
  const { bindings, code } = epilogue(operands, params);
  const four = (line: (i: number) => string) => [0, 1, 2, 3].map(line).join("\n    ");
  return {
    bindings: [...x.bindings, ...weights.bindings, ...tokenTiles.bindings, ...bindings],
    code: `${x.code}
${weights.code}
${code}
${tokenTiles.code}
${rows.code}`,
    workgroupSize: 64,
    main: `${tokenTiles.find("workgroup_id.y")}
  let position = tile.start + thread / 8u * 4u;
  let output = (workgroup_id.x * 8u + thread % 8u) * ${rows.outputs}u;
  if (position >= tile.end || output >= ${outputs}u) { return; }
  // Past the edge, threads repeat the last token or output and do not store it.
  let position_last = tile.end - 1u;
  let rows = rows_of(tile.matrix, output);
    ${four((i) => `let token${i} = token_at(min(position + ${i}u, position_last));`)}
    ${four((i) => `var sum${i} = vec4<f32>();`)}
  for (var k = 0u; k < ${inputs}u; k += 4u) {
    ${four((j) => `let w${j} = weights4(rows[${j}], k);`)}
    ${four((i) => `{ let v = x4(token${i}, k); sum${i} += vec4<f32>(dot(w0, v), dot(w1, v), dot(w2, v), dot(w3, v)); }`)}
  }
    ${four((i) => `if (position + ${i}u < tile.end) { store(sum${i}, token${i}, tile.matrix, output); }`)}`,
    workgroups: (tokens) => [Math.ceil(outputs / (8 * rows.outputs)), tokenTiles.count(tokens), 1],
  };
}
