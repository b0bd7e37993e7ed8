/**
 * The heart of every kernel that multiplies a matrix with one vector: WGSL that reads each weight once and makes sums.
 * What becomes of a sum is the kernel's own `finish`. Not here: several vectors, see `mat-vecs.ts`.
 *
 * A vector that is normalised on the way, or that another call of a chain makes, is laid out in workgroup memory first
 * (`staged-vector.ts`), while the first weights are under way. Other vectors are read where they are, which takes no barrier.
 */
import { type AdapterTraits, type Binding, rowCount, type Shader, type Tensor } from "@blackmamba/tensor";
import { type MatVecShape, matVecShape } from "../tuning.ts";
import { chunkLoader } from "./chunks.ts";
import { finishResults } from "./finish-results.ts";
import { overChunks } from "./over-chunks.ts";
import { type FoldedNorm, stagedVector } from "./staged-vector.ts";
import { vectorInPlace } from "./vector.ts";

/** What is multiplied. */
export interface MatVecOperands {
  /** f32 [tokens, inputs], may be a view of columns */
  readonly x: Tensor;
  /** [rows, inputs], or [matrices, rows, inputs]; any float type */
  readonly weights: Tensor;
  /** Of at most {@link MAX_WHOLE_VECTOR} elements. */
  readonly norm?: FoldedNorm | undefined;
  /**
   * [rows, inputs], any float type: a matrix of at most {@link MAX_SMALL_ROWS} rows that every workgroup multiplies as well, with
   * the normalised vector. `stage` then declares the results, f32 `small_0` and so on.
   */
  readonly small?: Tensor | undefined;
}

/** How. */
export interface MatVecPlan {
  /** Results per token. */
  readonly outputs: number;
  /** Result o is made of the rows o and `outputs` + o of a matrix, and `finish` gets both sums. Default false. */
  readonly paired?: boolean | undefined;
  /** How many vectors a run over so many tokens has; each is `workgroup_id.y` of one. Default one. */
  tiles?(tokens: number): number;
}

/** The pieces of a shader. */
export interface MatVec {
  readonly enables: NonNullable<Shader["enables"]>;
  /** Of `x`, `weights`, `norm_weight` and `small`. */
  readonly bindings: readonly Binding[];
  /** Functions and workgroup variables. */
  readonly code: string;
  readonly workgroupSize: number;
  readonly shape: MatVecShape;
  /**
   * Statements of a shader's `main`, in three parts. `stage` makes the vector ready; it needs `start: u32` and `end: u32`, its
   * position and the one after it, and `fn token_at(position: u32) -> u32`. `begin` loads the first weights; it needs
   * `matrix: u32` and `lane: u32`, the thread's place among those that share a row. `rest` needs both others before it, in any
   * order. For each result they call
   *
   * - `fn prepare(token: u32, matrix: u32, output: u32) -> Prepared`, before the sums are made: what finishing a result needs to
   *   read is on its way meanwhile. Also called for results that are not finished, with indices that are in range.
   * - `fn finish(prepared: Prepared, sum: f32, token: u32, matrix: u32, output: u32)`, with `paired` the gate's sum before `sum`.
   */
  readonly stage: string;
  readonly begin: string;
  readonly rest: string;
  /** How many workgroups a run over `tokens` tokens needs. */
  workgroups(tokens: number): readonly [number, number, number];
}

/** WebGPU guarantees so many workgroups in a dimension. */
const MAX_WORKGROUPS = 65535;

/** Writes the WGSL for these operands. */
export function matVec(operands: MatVecOperands, plan: MatVecPlan, traits: AdapterTraits): MatVec {
  const { x, weights, norm, small } = operands;
  const { outputs, paired = false } = plan;
  const inputs = x.shape[1] ?? 1;
  const rowsPerOutput = paired ? 2 : 1;
  const matrices = rowCount(weights) / (outputs * rowsPerOutput);
  const sizes = { inputs, outputs, isNormed: norm !== undefined };
  const shape = matVecShape(sizes, weights.dtype, traits);
  const w = chunkLoader("weights", weights, shape.chunkElements);
  const { lanes, groups } = shape;
  const workgroupSize = lanes * groups;
  const inDigits = w.bytes !== undefined && traits.packedDot;
  const vector =
    norm || traits.chained
      ? stagedVector({ x, norm, small, elements: w.elements, inDigits, workgroupSize }, traits)
      : vectorInPlace(x, w.elements);

  const rows = Array.from({ length: shape.outputs * rowsPerOutput }, (_, r) => r);
  const quads = Array.from({ length: w.elements / 4 }, (_, i) => i);
  // Four sums in place of one wait less for each other, and lose less to rounding; products with bytes come in ones.
  const isWide = !vector.dot;

  const multiply = (suffix: string, chunk: string, keep?: string) => `{
    ${quads.map((i) => `let v${i} = ${vector.quad(i, chunk)}${keep && isWide ? ` * ${keep}` : ""};`).join(" ")}
    ${rows
      .map((r) => {
        const c = `w_${r}${suffix}`;
        if (vector.dot && w.bytes && w.scale) {
          const dots = quads.map((i) => vector.dot?.(w.bytes?.(c, i) ?? "", `v${i}`));
          return `sum_${r} = fma(${w.scale(c)}${keep ? ` * ${keep}` : ""}, ${dots.join(" + ")}, sum_${r});`;
        }
        const products = quads.reduce(
          (so, i) => `fma(${w.quad(c, i)}, v${i}, ${so})`,
          w.scale ? "vec4<f32>()" : `sum_${r}`,
        );
        return `sum_${r} = ${w.scale ? `fma(vec4<f32>(${w.scale(c)}), ${products}, sum_${r})` : products};`;
      })
      .join("\n    ")}
  }`;
  const load = (suffix: string, chunk: string) =>
    rows.map((r) => `let w_${r}${suffix} = weights_chunk(row_${r}, ${chunk});`).join(" ");
  const product = overChunks({
    ...{ count: Math.ceil(inputs / w.elements), lanes, loadsPerChunk: rows.length },
    ...{ name: "chunk", load, multiply },
  });
  const results = finishResults(
    {
      ...{ lanes, workgroupSize, ownOutputs: shape.outputs, rowsPerOutput, tokens: 1, outputs },
      times: norm && "inverse",
    },
    traits,
  );

  return {
    enables: [...new Set([...results.enables, ...vector.enables])],
    bindings: [...vector.bindings, ...w.bindings],
    workgroupSize,
    shape,
    code: `${vector.code}
${w.code}
${results.code}`,
    stage: `let vector_token = token_at(start);
  ${vector.stage}`,
    begin: `let first = ${firstOutput(shape)};
  let last = start;
  ${rows.map((r) => `let row_${r} = ${rowOf(r, { outputs, rowsPerOutput, matrices })};`).join("\n  ")}
  ${product.begin}
  ${results.before}`,
    rest: `${rows.map((r) => `var sum_${r} = ${isWide ? "vec4<f32>()" : "0.0"};`).join(" ")}
  ${product.rest}
  ${results.after(rows.map((r) => (isWide ? `((sum_${r}.x + sum_${r}.y) + (sum_${r}.z + sum_${r}.w))` : `sum_${r}`)))}`,
    workgroups: (tokens) => workgroupsFor(outputs, shape, plan.tiles?.(tokens) ?? 1),
  };
}

/** WGSL expression of the first output of the thread's lanes. */
export function firstOutput({ lanes, groups, outputs }: MatVecShape): string {
  return `((workgroup_id.x + workgroup_id.z * num_workgroups.x) * ${groups}u + thread / ${lanes}u) * ${outputs}u`;
}

/** How many workgroups make so many outputs of so many tiles. */
export function workgroupsFor(outputs: number, shape: MatVecShape, tiles: number): readonly [number, number, number] {
  const count = Math.ceil(outputs / (shape.groups * shape.outputs));
  const z = Math.ceil(count / MAX_WORKGROUPS);
  return [Math.ceil(count / z), tiles, z];
}

/** WGSL expression of the row, over all matrices, that is the lanes' own number r; past the last output that one's again. */
export function rowOf(
  r: number,
  sizes: { readonly outputs: number; readonly rowsPerOutput: number; readonly matrices: number },
): string {
  const { outputs, rowsPerOutput, matrices } = sizes;
  const half = r % rowsPerOutput === 0 ? "" : ` + ${outputs}u`;
  const output = `min(first + ${Math.floor(r / rowsPerOutput)}u, ${outputs - 1}u)`;
  return `${matrices > 1 ? `matrix * ${outputs * rowsPerOutput}u + ` : ""}${output}${half}`;
}
