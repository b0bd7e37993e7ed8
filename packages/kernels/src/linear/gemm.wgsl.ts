/**
 * `linear` for several tokens: a matrix-matrix product. Each thread keeps 4 × 4 results in registers, so that every
 * element it reads is used four times.
 *
 * With a stack of matrices, tokens come grouped by expert: workgroups walk the groups' sizes to find theirs, so nothing
 * has to be read back, and there are a few workgroups too many (at most one per expert).
 */
import type { Shader } from "@blackmamba/tensor";
import { loader } from "../wgsl/load.ts";
import { epilogue } from "./epilogue.wgsl.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";

/** Tokens, and outputs, of a workgroup's tile: 8 × 8 threads of 4 × 4 results. */
const TILE = 32;

export function gemm(operands: LinearOperands, params: LinearParams): Shader {
  const { inputs, outputs, experts } = linearSizes(operands);
  const x = loader("x", operands.x);
  const weights = loader("weights", operands.weights);
  const { bindings, code } = epilogue(operands, params);
  const { groups } = operands;
  const four = (line: (i: number) => string) => [0, 1, 2, 3].map(line).join("\n    ");
  return {
    bindings: [
      ...x.bindings,
      ...weights.bindings,
      ...(groups ? [{ name: "groups", tensor: groups, access: "read", type: "array<u32>" } as const] : []),
      ...bindings,
    ],
    code: `${x.code}
${weights.code}
${code}
${groups ? groupedTile(groups.shape[0] - operands.out.shape[0], experts, params.firstExpert ?? 0) : denseTile(operands.out.shape[0])}

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) workgroup_id: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
  let tile = find_tile(workgroup_id.y);
  let position = tile.start + thread.y * 4u;
  let output = workgroup_id.x * ${TILE}u + thread.x * 4u;
  if (position >= tile.end || output >= ${outputs}u) { return; }
  // Past the edge, threads repeat the last token or output and do not store it.
  let position_last = tile.end - 1u;
  let row_last = (tile.matrix + 1u) * ${outputs}u - 1u;
  let row = tile.matrix * ${outputs}u + output;
    ${four((i) => `let token${i} = token_at(min(position + ${i}u, position_last));`)}
    ${four((j) => `let row${j} = min(row + ${j}u, row_last);`)}
    ${four((i) => `var sum${i} = vec4<f32>();`)}
  for (var k = 0u; k < ${inputs}u; k += 4u) {
    ${four((j) => `let w${j} = weights4(row${j}, k);`)}
    ${four((i) => `{ let v = x4(token${i}, k); sum${i} += vec4<f32>(dot(w0, v), dot(w1, v), dot(w2, v), dot(w3, v)); }`)}
  }
    ${four((i) => `if (position + ${i}u < tile.end) { store(sum${i}, token${i}, tile.matrix, output); }`)}
}

fn store(sum: vec4<f32>, token: u32, matrix: u32, output: u32) {
  for (var j = 0u; j < 4u && output + j < ${outputs}u; j++) { finish(sum[j], token, matrix, output + j); }
}`,
    workgroups: (tokens) => [Math.ceil(outputs / TILE), Math.ceil(tokens / TILE) + (groups ? experts : 0), 1],
  };
}

const TILE_STRUCT = "struct Tile { start: u32, end: u32, matrix: u32 }";

/** @param capacity - tokens the call was made for */
function denseTile(capacity: number): string {
  return `${TILE_STRUCT}
fn find_tile(index: u32) -> Tile { return Tile(index * ${TILE}u, min(run.tokens, ${capacity}u), 0u); }
fn token_at(position: u32) -> u32 { return position; }`;
}

/**
 * Finds which expert's tokens the tile with this index takes.
 *
 * @param starts - how many group boundaries come before the order
 * @param experts - experts in the bound stack, from `firstExpert` on
 */
function groupedTile(starts: number, experts: number, firstExpert: number): string {
  return `${TILE_STRUCT}
fn find_tile(index: u32) -> Tile {
  var left = index;
  for (var matrix = 0u; matrix < ${experts}u; matrix++) {
    let start = groups[${firstExpert}u + matrix];
    let end = groups[${firstExpert}u + matrix + 1u];
    let tiles = (end - start + ${TILE - 1}u) / ${TILE}u;
    if (left < tiles) { return Tile(start + left * ${TILE}u, end, matrix); }
    left -= tiles;
  }
  return Tile(0u, 0u, 0u);
}
fn token_at(position: u32) -> u32 { return groups[${starts}u + position]; }`;
}
