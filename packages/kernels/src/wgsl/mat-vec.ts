/**
 * The heart of every kernel that multiplies a matrix with a few vectors: WGSL that reads each weight once and makes sums.
 * What becomes of a sum is the kernel's own `finish`.
 *
 * A vector that is normalised on the way is laid out in workgroup memory first, multiplied by the norm's weight; its divisor is
 * left for the end. There neighbouring lanes, which hold neighbouring chunks of a row, read neighbouring addresses. The first
 * weights are under way before all that. Other vectors are read where they are, which takes no barrier.
 */
import { type AdapterTraits, type Binding, rowCount, type Shader, type Tensor } from "@blackmamba/tensor";
import { type MatVecShape, matVecShape } from "../tuning.ts";
import { chunkLoader } from "./chunks.ts";
import { laneSum, type SumType, sumType } from "./lane-sum.ts";
import { loader } from "./load.ts";
import { overChunks } from "./over-chunks.ts";

/** RMSNorm of a vector: x / sqrt(mean(x²) + ε) · weight. */
export interface FoldedNorm {
  /** f32 [inputs] */
  readonly weight: Tensor;
  readonly epsilon: number;
}

/** What is multiplied. */
export interface MatVecOperands {
  /** f32 [tokens, inputs], may be a view of columns */
  readonly x: Tensor;
  /** [rows, inputs], or [matrices, rows, inputs]; any float type */
  readonly weights: Tensor;
  /** For a tile of one token, of at most {@link MAX_WHOLE_VECTOR} elements. */
  readonly norm?: FoldedNorm | undefined;
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
  /** Of `x`, `weights` and `norm_weight`. */
  readonly bindings: readonly Binding[];
  /** Functions and workgroup variables. */
  readonly code: string;
  readonly workgroupSize: number;
  readonly shape: MatVecShape;
  /**
   * Statements of a `main` with {@link MAIN_PARAMETERS}, in three parts. `stage` makes the vectors ready; it needs `start: u32` and `end: u32`, the tile's
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
  /**
   * WGSL expression of four elements of a normalised vector after `stage`, still to be multiplied by `inverse`, the reciprocal
   * of its root mean square.
   */
  staged(column: string): string;
  /** Components of what `fn lane_sum(value: TYPE, thread: u32) -> TYPE` adds up over a group of lanes. */
  readonly sumWidth: number;
  readonly sumType: SumType;
  /** How many workgroups a run over `tokens` tokens needs. */
  workgroups(tokens: number): readonly [number, number, number];
}

/** Quads that a thread stages without a loop. */
const MAX_UNROLLED_TURNS = 4;

/** WebGPU guarantees so many workgroups in a dimension. */
const MAX_WORKGROUPS = 65535;

/** Writes the WGSL for these operands. */
export function matVec(operands: MatVecOperands, plan: MatVecPlan, traits: AdapterTraits): MatVec {
  const { x, weights, norm } = operands;
  const { outputs, paired = false, tileTokens = 1 } = plan;
  const inputs = x.shape[1] ?? 1;
  const rowsPerOutput = paired ? 2 : 1;
  const matrices = rowCount(weights) / (outputs * rowsPerOutput);
  const sizes = { inputs, outputs, rowsPerOutput, tokens: tileTokens, isNormed: norm !== undefined };
  const shape = matVecShape(sizes, weights.dtype, traits);
  const w = chunkLoader("weights", weights, shape.chunkElements);
  const { lanes, groups } = shape;
  const workgroupSize = lanes * groups;
  const vectors = norm ? stagedVector(x, norm, w.elements, workgroupSize, traits) : vectorsInPlace(x, w.elements);

  const rows = Array.from({ length: shape.outputs * rowsPerOutput }, (_, r) => r);
  const tile = Array.from({ length: tileTokens }, (_, t) => t);
  const quads = Array.from({ length: w.elements / 4 }, (_, i) => i);
  const sums = rows.flatMap((r) => tile.map((t) => `sum_${r}_${t}`));
  const width = Math.min(4, sums.length);
  // Four sums in place of one wait less for each other, and lose less to rounding; of several tokens there are enough.
  const isWide = tileTokens === 1;
  const addUp = laneSum(traits, { lanes, workgroupSize, type: sumType(width) });

  const multiply = (suffix: string, chunk: string, keep?: string) =>
    tile
      .map(
        (t) => `{
    ${quads.map((i) => `let v${i} = ${vectors.quad(t, i, chunk)}${keep ? ` * ${keep}` : ""};`).join(" ")}
    ${rows
      .map((r) => {
        const c = `w_${r}${suffix}`;
        const sum = `sum_${r}_${t}`;
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
    staged: vectors.at,
    sumWidth: width,
    sumType: sumType(width),
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
  ${results.before}
  ${product.begin}`,
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

/** How the vectors of a tile are read. */
interface Vectors {
  readonly bindings: readonly Binding[];
  readonly enables: NonNullable<Shader["enables"]>;
  readonly code: string;
  /** Statements that make them ready. */
  readonly stage: string;
  /** Quad `index` of a chunk. */
  quad(token: number, index: number, chunk: string): string;
  at(column: string): string;
}

function vectorsInPlace(x: Tensor, elements: number): Vectors {
  const { bindings, code } = loader("x", x);
  return {
    ...{ bindings, code, enables: [], stage: "" },
    quad: (t, i, chunk) => `x4(token_${t}, ${chunk} * ${elements}u + ${4 * i}u)`,
    at: (column) => `x4(token_0, ${column})`,
  };
}

/** Puts a vector, times the norm's weight, into workgroup memory: quad i of chunk c at [i, c]. Declares `inverse`. */
function stagedVector(
  x: Tensor,
  { weight, epsilon }: FoldedNorm,
  elements: number,
  workgroupSize: number,
  traits: AdapterTraits,
): Vectors {
  const inputs = x.shape[1] ?? 1;
  const [vector, norm] = [loader("x", x), loader("norm_weight", weight)];
  const quads = elements / 4;
  const chunks = Math.ceil(inputs / elements);
  // Eight quads fill all banks: rows of chunks are shifted against each other so that storing does not collide.
  const shift = 8 / Math.min(quads, 8);
  let stride = chunks;
  while (quads > 1 && stride % 8 !== shift % 8) stride++;
  const total = laneSum(traits, { name: "workgroup_sum", lanes: workgroupSize, workgroupSize, type: "f32" });
  const count = chunks * quads;
  const turns = Array.from({ length: Math.ceil(count / workgroupSize) }, (_, i) => i);
  const place = (i: string) => `staged[(${i} % ${quads}u) * ${stride}u + ${i} / ${quads}u]`;
  // All loads before the first store.
  const unrolled = `${turns
    .map((turn) => {
      const column = `min(thread + ${turn * workgroupSize}u, ${count - 1}u) * 4u`;
      return `let v${turn} = x4(token_0, ${column}); let g${turn} = norm_weight4(0u, ${column});`;
    })
    .join("\n  ")}
  ${turns
    .map((turn) => {
      const i = `(thread + ${turn * workgroupSize}u)`;
      const store = `part += dot(v${turn}, v${turn}); ${place(i)} = v${turn} * g${turn};`;
      return (turn + 1) * workgroupSize <= count ? store : `if (${i} < ${count}u) { ${store} }`;
    })
    .join("\n  ")}`;
  const looped = `for (var i = thread; i < ${count}u; i += ${workgroupSize}u) {
    let v = x4(token_0, i * 4u);
    part += dot(v, v);
    ${place("i")} = v * norm_weight4(0u, i * 4u);
  }`;
  return {
    bindings: [...vector.bindings, ...norm.bindings],
    enables: total.enables,
    code: `${vector.code}
${norm.code}
${total.code}
var<workgroup> staged: array<vec4<f32>, ${quads * stride}>;`,
    stage: `var part = 0.0;
  ${turns.length <= MAX_UNROLLED_TURNS ? unrolled : looped}
  let inverse = 1.0 / sqrt(workgroup_sum(part, thread) / ${inputs}.0 + ${epsilon});
  workgroupBarrier();`,
    quad: (_, i, chunk) => `staged[${i * stride}u + ${chunk}]`,
    at: (column) => `staged[((${column}) / 4u) % ${quads}u * ${stride}u + (${column}) / ${elements}u]`,
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
