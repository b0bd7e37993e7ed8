/**
 * The heart of every kernel that multiplies a matrix with a few vectors: WGSL that reads each weight once for a tile of them.
 * Not here: a single vector, see `mat-vec.ts`, of which this has the names; and many vectors, see `linear/gemm.wgsl.ts`.
 *
 * A tile's vectors lie in workgroup memory, as much of them as fits: a slab after the other. Large workgroups share it, as it
 * is what limits how many there are at a time.
 */
import { type AdapterTraits, rowCount } from "@blackmamba/tensor";
import { type MatVecsShape, matVecsShape } from "../tuning.ts";
import { type ChunkLoader, chunkLoader } from "./chunks.ts";
import { finishResults } from "./finish-results.ts";
import { loader } from "./load.ts";
import { firstOutput, type MatVec, type MatVecOperands, rowOf, workgroupsFor } from "./mat-vec.ts";

/** How. */
export interface MatVecsPlan {
  /** Results per token. */
  readonly outputs: number;
  /** As for `matVec`. */
  readonly paired?: boolean | undefined;
  /** The most vectors that there may be. */
  readonly capacity: number;
}

/** The pieces of a shader. */
export interface MatVecs extends Omit<MatVec, "stage" | "rest" | "workgroups"> {
  readonly shape: MatVecsShape;
  /**
   * Statements for a tile of at most `shape.tokens` tokens, after `begin` and in uniform control flow; may stand in a loop. It needs
   * `start: u32` and `end: u32`, the tile's positions, at least one; `last: u32`, the last position that may be read, the tile's or
   * a later one; and `fn token_at(position: u32) -> u32`. It calls `prepare` and `finish`, as `matVec` does.
   */
  readonly tile: string;
  /**
   * How many workgroups there are, with as many in the dimension y.
   *
   * @param y - tiles, or matrices
   */
  workgroups(y: number): readonly [number, number, number];
}

/** Writes the WGSL for these operands. */
export function matVecs(
  { x, weights }: Pick<MatVecOperands, "x" | "weights">,
  { outputs, paired = false, capacity }: MatVecsPlan,
  traits: AdapterTraits,
): MatVecs {
  const inputs = x.shape[1] ?? 1;
  const rowsPerOutput = paired ? 2 : 1;
  const matrices = rowCount(weights) / (outputs * rowsPerOutput);
  const shape = matVecsShape({ inputs, outputs, rowsPerOutput, capacity, matrices }, weights.dtype, traits);
  const { lanes, groups, tokens, slab } = shape;
  const workgroupSize = lanes * groups;
  const w = chunkLoader("weights", weights, shape.chunkElements);
  const vectors = loader("x", x);
  const rows = range(shape.outputs * rowsPerOutput);
  const quads = range(w.elements / 4);
  const chunks = Math.ceil(inputs / w.elements);
  const slabChunks = slab / w.elements;
  const slabs = Math.ceil(chunks / slabChunks);
  /** With those past the end of a row, of which lanes have some where chunks do not divide evenly. */
  const allChunks = slabs * slabChunks;
  const isRagged = allChunks > chunks;
  // Eight quads fill all banks: rows of chunks are shifted against each other so that storing does not collide.
  const shift = 8 / Math.min(quads.length, 8);
  let stride = slabChunks;
  while (quads.length > 1 && stride % 8 !== shift % 8) stride++;
  const results = finishResults(
    { lanes, workgroupSize, ownOutputs: shape.outputs, rowsPerOutput, tokens, outputs },
    traits,
  );

  const load = (chunk: string) => (r: number) => `weights_chunk(row_${r}, ${chunk})`;
  const sum = (r: number, t: number) => `sum_${r}_${t}`;
  const sums = rows.flatMap((r) => range(tokens).map((t) => sum(r, t)));
  const multiply = quads
    .map(
      (i) => `{
      ${rows.map((r) => `let q_${r} = ${scaled(w, `w_${r}`, i)};`).join(" ")}
      ${range(tokens)
        .map(
          (t) => `{
        let v = staged[${(t * quads.length + i) * stride}u + at];
        ${rows.map((r) => `${sum(r, t)} = dot_add(q_${r}, v, ${sum(r, t)});`).join(" ")}
      }`,
        )
        .join("\n      ")}
    }`,
    )
    .join("\n    ");
  const slabQuads = slab / 4;
  const count = tokens * slabQuads;
  const column = slabs > 1 ? `(slab * ${slabQuads}u + quad) * 4u` : "quad * 4u";
  const place = `(i / ${slabQuads}u * ${quads.length}u + quad % ${quads.length}u) * ${stride}u + quad / ${quads.length}u`;
  const stage = `workgroupBarrier(); // the slab before has been read by all
    for (var i = thread; i < ${count}u; i += ${workgroupSize}u) {
      let quad = i % ${slabQuads}u;
      ${isRagged ? `if (${column} < ${inputs}u) ` : ""}{
        staged[${place}] = x4(token_at(min(start + i / ${slabQuads}u, last)), ${column});
      }
    }
    workgroupBarrier();`;
  // The last step loads the first chunk once more, for the next tile: a branch would keep loads from being moved ahead.
  const walk = `for (var at = lane; at < ${slabChunks}u; at += ${lanes}u) {
      let chunk = ${slabs > 1 ? `slab * ${slabChunks}u + ` : ""}at;
      let after = select(chunk + ${lanes}u, lane, chunk + ${lanes}u >= ${allChunks}u);
      ${rows.map((r) => `let next_${r} = ${load(isRagged ? `min(after, ${chunks - 1}u)` : "after")(r)};`).join(" ")}
      ${isRagged ? `if (chunk < ${chunks}u) ` : ""}{
      ${multiply}
      }
      ${rows.map((r) => `w_${r} = next_${r};`).join(" ")}
    }`;
  return {
    enables: results.enables,
    bindings: [...vectors.bindings, ...w.bindings],
    workgroupSize,
    shape,
    code: `${vectors.code}
${w.code}
${results.code}
fn dot_add(a: vec4<f32>, b: vec4<f32>, sum: f32) -> f32 {
  return fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))));
}
var<workgroup> staged: array<vec4<f32>, ${tokens * quads.length * stride}>;`,
    begin: `let first = ${firstOutput(shape)};
  ${rows.map((r) => `let row_${r} = ${rowOf(r, { outputs, rowsPerOutput, matrices })};`).join("\n  ")}
  ${rows.map((r) => `var w_${r} = ${load(`min(lane, ${chunks - 1}u)`)(r)};`).join(" ")}`,
    tile: `${results.before}
  ${sums.map((name) => `var ${name} = 0.0;`).join(" ")}
  ${slabs > 1 ? `for (var slab = 0u; slab < ${slabs}u; slab++) ` : ""}{
    ${stage}
    ${walk}
  }
  ${results.after(sums)}`,
    workgroups: (y) => workgroupsFor(outputs, shape, y),
  };
}

/** Four elements of a chunk, as they are to be multiplied: a product is worth more than a place to keep it. */
function scaled(w: ChunkLoader, chunk: string, index: number): string {
  return w.scale ? `${w.scale(chunk)} * ${w.quad(chunk, index)}` : w.quad(chunk, index);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
