/**
 * Which tokens a workgroup multiplies with which matrix: all with the one there is, or those of an expert. Tokens then come
 * grouped by expert, and workgroups walk the groups' sizes to find theirs, so that nothing has to be read back; there are a
 * few workgroups too many, at most one per expert. A few tokens need not be grouped: workgroups look through all of them.
 */
import type { AdapterTraits, Binding } from "@blackmamba/tensor";
import { exchangedInput } from "../wgsl/exchanged.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";

/** Declarations, and how many tiles there are. */
export interface Tiles {
  readonly bindings: readonly Binding[];
  /**
   * Declares `struct Tile`, of positions from `start` to `end` (exclusive; none when they are equal) and of the matrix to multiply
   * with, counted within the bound stack; and `fn token_at(position: u32) -> u32`.
   */
  readonly code: string;
  /** Statements that declare `tile`, the one with this index; in uniform control flow. */
  find(index: string): string;
  count(tokens: number): number;
}

const TILE_STRUCT = "struct Tile { start: u32, end: u32, matrix: u32 }";

/** @param size - tokens of a tile */
export function tiles(
  operands: LinearOperands,
  { firstExpert = 0 }: LinearParams,
  size: number,
  { chained }: Pick<AdapterTraits, "chained"> = { chained: false },
): Tiles {
  const { out, expert, groups } = operands;
  const capacity = out.shape[0] ?? 1;
  const count = (tokens: number) => Math.ceil(Math.min(tokens, capacity) / size);
  const find = (index: string) => `let tile = find_tile(${index});`;
  const tokenAtItsPosition = "fn token_at(position: u32) -> u32 { return position; }";
  if (!expert) {
    const end = `min(index * ${size}u + ${size}u, min(run.tokens, ${capacity}u))`;
    return {
      bindings: [],
      find,
      code: `${TILE_STRUCT}
fn find_tile(index: u32) -> Tile { return Tile(index * ${size}u, ${end}, 0u); }
${tokenAtItsPosition}`,
      count,
    };
  }
  const { experts } = linearSizes(operands);
  if (chained) {
    return {
      bindings: [exchangedInput("expert", expert)],
      code: `${TILE_STRUCT}
var<workgroup> tile_expert: u32;
${tokenAtItsPosition}`,
      // Barriers follow, so all threads have to know that they see the same.
      find: () => `if (thread == 0u) { tile_expert = expert_at(0u); }
  let tile_matrix = workgroupUniformLoad(&tile_expert);
  let tile = Tile(0u, u32(tile_matrix < ${experts}u), tile_matrix);`,
      count,
    };
  }
  if (capacity === 1) {
    return {
      find,
      bindings: [{ name: "expert", tensor: expert, access: "read", type: "array<u32>" }],
      code: `${TILE_STRUCT}
fn find_tile(index: u32) -> Tile {
  let matrix = expert[0] - ${firstExpert}u; // of experts before the first it wraps, and is no matrix either
  return Tile(0u, u32(matrix < ${experts}u), matrix);
}
${tokenAtItsPosition}`,
      count,
    };
  }
  if (!groups) {
    const perMatrix = Math.ceil(capacity / size);
    const isOwn = `expert[t] == ${firstExpert}u + tile_matrix`;
    return {
      find,
      bindings: [{ name: "expert", tensor: expert, access: "read", type: "array<u32>" }],
      code: `${TILE_STRUCT}
var<private> tile_matrix: u32;
fn find_tile(index: u32) -> Tile {
  tile_matrix = index / ${perMatrix}u;
  var count = 0u;
  for (var t = 0u; t < min(run.tokens, ${capacity}u); t++) { count += u32(${isOwn}); }
  let start = index % ${perMatrix}u * ${size}u;
  return Tile(start, min(start + ${size}u, count), tile_matrix);
}
fn token_at(position: u32) -> u32 {
  var left = position;
  for (var t = 0u; t < ${capacity}u; t++) {
    if (${isOwn}) {
      if (left == 0u) { return t; }
      left--;
    }
  }
  return 0u;
}`,
      count: () => perMatrix * experts,
    };
  }
  const starts = groups.shape[0] - capacity;
  return {
    find,
    bindings: [{ name: "groups", tensor: groups, access: "read", type: "array<u32>" }],
    code: `${TILE_STRUCT}
fn find_tile(index: u32) -> Tile {
  var left = index;
  for (var matrix = 0u; matrix < ${experts}u; matrix++) {
    let start = groups[${firstExpert}u + matrix];
    let end = groups[${firstExpert}u + matrix + 1u];
    let own = (end - start + ${size - 1}u) / ${size}u;
    if (left < own) {
      let first = start + left * ${size}u;
      return Tile(first, min(first + ${size}u, end), matrix);
    }
    left -= own;
  }
  return Tile(0u, 0u, 0u);
}
fn token_at(position: u32) -> u32 { return groups[${starts}u + position]; }`,
    count: (tokens) => count(tokens) + experts,
  };
}
