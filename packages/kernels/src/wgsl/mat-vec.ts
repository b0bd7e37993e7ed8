/**
 * The heart of every kernel that multiplies a matrix with a few vectors: WGSL that reads each weight once and makes sums.
 * What becomes of a sum is the kernel's own `finish`.
 *
 * A vector that is normalised on the way, or that another call of a chain makes, is laid out in workgroup memory first
 * (`staged-vector.ts`), while the first weights are under way. Other vectors are read where they are, which takes no barrier.
 */
import { type AdapterTraits, type Binding, rowCount, type Shader, type Tensor } from "@blackmamba/tensor";
import { type MatVecShape, matVecShape } from "../tuning.ts";
import { chunkLoader } from "./chunks.ts";
import { laneSum, sumType } from "./lane-sum.ts";
import { overChunks } from "./over-chunks.ts";
import { type FoldedNorm, stagedVector } from "./staged-vector.ts";
import { vectorsInPlace } from "./vectors.ts";

/** What is multiplied. */
export interface MatVecOperands {
  /** f32 [tokens, inputs], may be a view of columns */
  readonly x: Tensor;
  /** [rows, inputs], or [matrices, rows, inputs]; any float type */
  readonly weights: Tensor;
  /** For a tile of one token, of at most {@link MAX_WHOLE_VECTOR} elements. */
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
  /** Tokens of a tile. Default 1. */
  readonly tileTokens?: number | undefined;
  /** Tiles of tokens at a run over so many tokens. Default one. */
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
   * Statements of a shader's `main`, in three parts. `stage` makes the vectors ready; it needs `start: u32` and `end: u32`, the tile's
   * positions, and `fn token_at(position: u32) -> u32`. `begin` loads the first weights; it needs `matrix: u32` and
   * `lane: u32`, the thread's place among those that share a row. `rest` needs both others before it, in any order. For each
   * result they call
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
  const { outputs, paired = false, tileTokens = 1 } = plan;
  const inputs = x.shape[1] ?? 1;
  const rowsPerOutput = paired ? 2 : 1;
  const matrices = rowCount(weights) / (outputs * rowsPerOutput);
  const sizes = { inputs, outputs, rowsPerOutput, tokens: tileTokens, isNormed: norm !== undefined };
  const shape = matVecShape(sizes, weights.dtype, traits);
  const w = chunkLoader("weights", weights, shape.chunkElements);
  const { lanes, groups } = shape;
  const workgroupSize = lanes * groups;
  const inDigits = w.bytes !== undefined && traits.packedDot;
  const vectors =
    norm || traits.chained
      ? stagedVector({ x, norm, small, elements: w.elements, inDigits, workgroupSize }, traits)
      : vectorsInPlace(x, w.elements);

  const rows = Array.from({ length: shape.outputs * rowsPerOutput }, (_, r) => r);
  const tile = Array.from({ length: tileTokens }, (_, t) => t);
  const quads = Array.from({ length: w.elements / 4 }, (_, i) => i);
  const sums = rows.flatMap((r) => tile.map((t) => `sum_${r}_${t}`));
  const width = Math.min(4, sums.length);
  // Four sums in place of one wait less for each other, and lose less to rounding; of several tokens there are enough, and
  // products with bytes come in ones.
  const isWide = tileTokens === 1 && !vectors.dot;
  const addUp = laneSum(traits, { lanes, workgroupSize, type: sumType(width) });

  const multiply = (suffix: string, chunk: string, keep?: string) =>
    tile
      .map(
        (t) => `{
    ${quads.map((i) => `let v${i} = ${vectors.quad(t, i, chunk)}${keep && !vectors.dot ? ` * ${keep}` : ""};`).join(" ")}
    ${rows
      .map((r) => {
        const c = `w_${r}${suffix}`;
        const sum = `sum_${r}_${t}`;
        if (vectors.dot && w.bytes && w.scale) {
          const dots = quads.map((i) => vectors.dot?.(w.bytes?.(c, i) ?? "", `v${i}`));
          return `${sum} = fma(${w.scale(c)}${keep ? ` * ${keep}` : ""}, ${dots.join(" + ")}, ${sum});`;
        }
        if (isWide) {
          const products = quads.reduce((so, i) => `fma(${w.quad(c, i)}, v${i}, ${so})`, w.scale ? "vec4<f32>()" : sum);
          return `${sum} = ${w.scale ? `fma(vec4<f32>(${w.scale(c)}), ${products}, ${sum})` : products};`;
        }
        // A chunk's sum first: many short sums lose less to rounding than one long one.
        const dot = quads.reduce((so, i) => `dot_add(${w.quad(c, i)}, v${i}, ${so})`, "0.0");
        return w.scale ? `${sum} = fma(${w.scale(c)}, ${dot}, ${sum});` : `${sum} += ${dot};`;
      })
      .join("\n    ")}
  }`,
      )
      .join("\n  ");
  const load = (suffix: string, chunk: string) =>
    rows.map((r) => `let w_${r}${suffix} = weights_chunk(row_${r}, ${chunk});`).join(" ");
  const product = overChunks({
    ...{ count: Math.ceil(inputs / w.elements), lanes, loadsPerChunk: rows.length, isUnrolled: tileTokens === 1 },
    ...{ name: "chunk", load, multiply },
  });

  const rowOf = (r: number) => {
    const half = r % rowsPerOutput === 0 ? "" : ` + ${outputs}u`;
    const output = `min(first + ${Math.floor(r / rowsPerOutput)}u, ${outputs - 1}u)`;
    return `${matrices > 1 ? `matrix * ${outputs * rowsPerOutput}u + ` : ""}${output}${half}`;
  };
  const results = finishing({ sums, width, shape, rowsPerOutput, tileTokens, outputs, isNormed: norm !== undefined });

  return {
    enables: [...new Set([...addUp.enables, ...vectors.enables])],
    bindings: [...vectors.bindings, ...w.bindings],
    workgroupSize,
    shape,
    code: `${vectors.code}
${w.code}
${addUp.code}
fn dot_add(a: vec4<f32>, b: vec4<f32>, sum: f32) -> f32 {
  return fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))));
}`,
    stage: `${tile.map((t) => `let token_${t} = token_at(min(start + ${t}u, end - 1u));`).join("\n  ")}
  ${vectors.stage}`,
    begin: `let first = ((workgroup_id.x + workgroup_id.z * num_workgroups.x) * ${groups}u + thread / ${lanes}u) * ${shape.outputs}u;
  ${rows.map((r) => `let row_${r} = ${rowOf(r)};`).join("\n  ")}
  ${product.begin}
  ${results.before}`,
    rest: `${sums.map((sum) => `var ${sum} = ${isWide ? "vec4<f32>()" : "0.0"};`).join(" ")}
  ${product.rest}
  ${packed(
    sums.map((sum) => (isWide ? `((${sum}.x + ${sum}.y) + (${sum}.z + ${sum}.w))` : sum)),
    width,
  )
    .map((some, i) => {
      const value = width === 1 ? some[0] : `${sumType(width)}(${some.join(", ")})`;
      return `let total_${i} = lane_sum(${value}, thread);`;
    })
    .join("\n  ")}
  ${results.after}`,
    workgroups: (tokens) => {
      const count = Math.ceil(outputs / (groups * shape.outputs));
      const z = Math.ceil(count / MAX_WORKGROUPS);
      return [Math.ceil(count / z), plan.tiles?.(tokens) ?? 1, z];
    },
  };
}

/** The values in groups of `width`, the last filled up. */
function packed(values: readonly string[], width: number): string[][] {
  const groups = [];
  for (let i = 0; i < values.length; i += width) {
    const some = values.slice(i, i + width);
    groups.push([...some, ...Array<string>(width - some.length).fill("0.0")]);
  }
  return groups;
}

interface Finishing {
  readonly sums: readonly string[];
  /** Values that are added up together. */
  readonly width: number;
  readonly shape: MatVecShape;
  readonly rowsPerOutput: number;
  readonly tileTokens: number;
  readonly outputs: number;
  readonly isNormed: boolean;
}

/** Gives each result to a lane of its own, which finishes it: all at once, rather than one lane one after another. */
function finishing(finishing: Finishing): { before: string; after: string } {
  const { width, shape, rowsPerOutput, tileTokens, outputs, isNormed } = finishing;
  const { lanes } = shape;
  const total = (value: number) => `total_${Math.floor(value / width)}${width > 1 ? `.${"xyzw"[value % width]}` : ""}`;
  const results = shape.outputs * tileTokens;
  const isOneEach = results <= lanes;
  /** Where result number `index` of these lanes belongs, in range also for those that are not finished. */
  const place = (index: string) => `let output = first + ${index} / ${tileTokens}u;
  let position = start + ${index} % ${tileTokens}u;
  let token = token_at(min(position, end - 1u));
  let prepared = prepare(token, matrix, min(output, ${outputs - 1}u));`;
  const blocks = [];
  for (let start = 0; start < results; start += lanes) {
    const own = Array.from({ length: Math.min(lanes, results - start) }, (_, i) => start + i);
    const pick = (name: string, of: (result: number) => string) => {
      const [head, ...rest] = own;
      const selects = rest.map((result) => `if (lane == ${result - start}u) { ${name} = ${of(result)}; }`);
      return `var ${name} = ${of(head as number)};\n    ${selects.join("\n    ")}`;
    };
    const row = (half: number) => (result: number) =>
      total((Math.floor(result / tileTokens) * rowsPerOutput + half) * tileTokens + (result % tileTokens));
    const times = isNormed ? " * inverse" : "";
    blocks.push(`{
    ${isOneEach ? "" : place(`(${start}u + lane)`)}
    ${rowsPerOutput === 2 ? pick("gate", row(0)) : ""}
    ${pick("sum", row(rowsPerOutput - 1))}
    if (lane < ${own.length}u && output < ${outputs}u && position < end) {
      finish(prepared, ${rowsPerOutput === 2 ? `gate${times}, ` : ""}sum${times}, token, matrix, output);
    }
  }`);
  }
  return { before: isOneEach ? place(`(lane % ${results}u)`) : "", after: blocks.join("\n  ") };
}
