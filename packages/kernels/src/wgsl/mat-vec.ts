/**
 * The heart of every kernel that multiplies a matrix with a few vectors: WGSL that reads each weight once and makes sums.
 * What becomes of a sum is the kernel's own `finish`.
 *
 * The vectors are laid out in workgroup memory so that neighbouring lanes, which hold neighbouring chunks of a row, read
 * neighbouring addresses: chunks are 4 to 32 elements wide, and reading as far apart as that from a buffer would take a
 * multiple of the time. A norm is folded in: its weight is multiplied in on the way, its divisor at the end. The first
 * weights are on their way before all that.
 */
import { type AdapterTraits, type Binding, rowCount, type Shader, type Tensor } from "@blackmamba/tensor";
import { type MatVecShape, matVecShape, stagedByteLength } from "../tuning.ts";
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
  /** A shape other than the tuned one, for measuring. */
  readonly shape?: MatVecShape | undefined;
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
   * Statements of `main` in three parts. `stage` puts the vectors into workgroup memory; it needs `start: u32` and `end: u32`,
   * the tile's positions, and `fn token_at(position: u32) -> u32`. `begin` loads the first weights; it needs `matrix: u32`.
   * `rest` needs both others before it, in any order. For each result they call
   *
   * - `fn prepare(token: u32, matrix: u32, output: u32) -> Prepared`, before the sums are made: what finishing a result needs to
   *   read is on its way meanwhile. Also called for results that are not finished, with indices that are in range.
   * - `fn finish(prepared: Prepared, sum: f32, token: u32, matrix: u32, output: u32)`, with `paired` the gate's sum before `sum`.
   */
  readonly stage: string;
  readonly begin: string;
  readonly rest: string;
  /** Whether `stage` puts whole vectors into workgroup memory, and knows `inverse_0`, the reciprocal root mean square. */
  readonly isWhole: boolean;
  /** WGSL expression of four elements of the tile's first vector after `stage`: with the norm's weight, without its divisor. */
  staged(column: string): string;
  /** Components of what `fn lane_sum(value: TYPE, thread: u32) -> TYPE` adds up over a group of lanes. */
  readonly sumWidth: number;
  readonly sumType: SumType;
  workgroups(tokens: number): readonly [number, number, number];
}

/** Parameters of `main`. */
export const MAT_VEC_PARAMETERS = `@builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32`;

/** WebGPU guarantees so many workgroups in a dimension. */
const MAX_WORKGROUPS = 65535;

/** Writes the WGSL for these operands. */
export function matVec(operands: MatVecOperands, plan: MatVecPlan, traits: AdapterTraits): MatVec {
  const { x, weights, norm } = operands;
  const { outputs, paired = false, tileTokens = 1 } = plan;
  const inputs = x.shape[1] ?? 1;
  const rowsPerOutput = paired ? 2 : 1;
  const matrices = rowCount(weights) / (outputs * rowsPerOutput);
  const w = chunkLoader("weights", weights);
  const chunks = Math.ceil(inputs / w.elements);
  const shape = plan.shape ?? matVecShape({ chunks, outputs, rowsPerOutput, tokens: tileTokens }, traits);
  const { lanes, groups } = shape;
  const workgroupSize = lanes * groups;
  const staging = stageVectors(operands, { elements: w.elements, chunks, tileTokens, lanes, workgroupSize }, traits);

  const rows = Array.from({ length: shape.outputs * rowsPerOutput }, (_, r) => r);
  const tile = Array.from({ length: tileTokens }, (_, t) => t);
  const quads = Array.from({ length: w.elements / 4 }, (_, i) => i);
  const sums = rows.flatMap((r) => tile.map((t) => `sum_${r}_${t}`));
  const width = Math.min(4, sums.length);
  const addUp = laneSum(traits, { lanes, workgroupSize, type: sumType(width) });

  const multiply = (suffix: string, chunk: string, keep?: string) =>
    tile
      .map(
        (t) => `{
    ${quads.map((i) => `let v${i} = ${staging.quad(t, i, chunk)}${keep ? ` * ${keep}` : ""};`).join(" ")}
    ${rows
      .map((r) => {
        const c = `w_${r}${suffix}`;
        // A chunk's sum first: many short sums lose less to rounding than one long one.
        const dot = quads.reduce((sum, i) => `dot_add(${w.quad(c, i)}, v${i}, ${sum})`, "0.0");
        return w.scale ? `sum_${r}_${t} = fma(${w.scale(c)}, ${dot}, sum_${r}_${t});` : `sum_${r}_${t} += ${dot};`;
      })
      .join("\n    ")}
  }`,
      )
      .join("\n  ");
  const load = (suffix: string, chunk: string) =>
    rows.map((r) => `let w_${r}${suffix} = weights_chunk(row_${r}, ${chunk});`).join(" ");
  const slabs = staging.slabs.map(({ start, count }, slab) =>
    overChunks({ start, count, lanes, loadsPerChunk: rows.length, name: `chunk_${slab}`, load, multiply }),
  );

  const rowOf = (r: number) => {
    const half = r % rowsPerOutput === 0 ? "" : ` + ${outputs}u`;
    const output = `min(first + ${Math.floor(r / rowsPerOutput)}u, ${outputs - 1}u)`;
    return `${matrices > 1 ? `matrix * ${outputs * rowsPerOutput}u + ` : ""}${output}${half}`;
  };
  const results = finishing({ sums, width, shape, rowsPerOutput, tileTokens, outputs, isNormed: norm !== undefined });

  return {
    enables: [...new Set([...addUp.enables, ...staging.enables])],
    bindings: [...staging.bindings, ...w.bindings],
    workgroupSize,
    shape,
    isWhole: staging.slabs.length === 1,
    staged: staging.at,
    sumWidth: width,
    sumType: sumType(width),
    code: `${staging.code}
${w.code}
${addUp.code}
fn dot_add(a: vec4<f32>, b: vec4<f32>, sum: f32) -> f32 {
  return fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))));
}`,
    stage: `${tile.map((t) => `let token_${t} = token_at(min(start + ${t}u, end - 1u));`).join("\n  ")}
  ${staging.slabs[0]?.stage}
  ${staging.slabs.length === 1 ? staging.inverses : ""}`,
    begin: `let lane = thread % ${lanes}u;
  let first = ((workgroup_id.x + workgroup_id.z * num_workgroups.x) * ${groups}u + thread / ${lanes}u) * ${shape.outputs}u;
  ${rows.map((r) => `let row_${r} = ${rowOf(r)};`).join("\n  ")}
  ${results.before}
  ${slabs[0]?.begin}`,
    rest: `${sums.map((sum) => `var ${sum} = 0.0;`).join(" ")}
  ${slabs.map(({ begin, rest }, i) => (i === 0 ? rest : `${staging.slabs[i]?.stage}\n  ${begin}\n  ${rest}`)).join("\n  ")}
  ${staging.slabs.length > 1 ? staging.inverses : ""}
  ${packed(sums, width)
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

interface StagingSizes {
  /** Of a chunk. */
  readonly elements: number;
  /** Of a row. */
  readonly chunks: number;
  readonly tileTokens: number;
  readonly lanes: number;
  readonly workgroupSize: number;
}

/** A run of chunks whose part of the vectors is in workgroup memory at the same time. */
interface Slab {
  readonly start: number;
  readonly count: number;
  /** Statements that put it there. */
  readonly stage: string;
}

/** Puts the vectors into workgroup memory: quad i of chunk c of token t at [t, i, c]. */
function stageVectors(
  { x, norm }: MatVecOperands,
  { elements, chunks, tileTokens, lanes, workgroupSize }: StagingSizes,
  traits: AdapterTraits,
): {
  bindings: readonly Binding[];
  enables: NonNullable<Shader["enables"]>;
  code: string;
  slabs: readonly Slab[];
  /** Statements that declare `inverse_t` for each token, after all slabs. */
  inverses: string;
  quad(token: number, index: number, chunk: string): string;
  at(column: string): string;
} {
  const vector = loader("x", x);
  const weight = norm && loader("norm_weight", norm.weight);
  const quads = elements / 4;
  const most = Math.floor(stagedByteLength(traits) / (tileTokens * elements * 4));
  const slabChunks = chunks <= most ? chunks : Math.max(1, Math.floor(most / lanes)) * lanes;
  // Eight quads fill all banks: rows of chunks are shifted against each other so that storing does not collide either.
  const shift = 8 / Math.min(quads, 8);
  let stride = slabChunks;
  while (quads > 1 && stride % 8 !== shift % 8) stride++;
  const tile = Array.from({ length: tileTokens }, (_, t) => t);
  const type = sumType(Math.min(4, tileTokens));
  const total = laneSum(traits, { name: "workgroup_sum", lanes: workgroupSize, workgroupSize, type });

  const slabs: Slab[] = [];
  for (let start = 0; start < chunks; start += slabChunks) {
    const count = Math.min(slabChunks, chunks - start);
    const body = tile
      .map(
        (t) => `{
      let v = x4(token_${t}, ${start * elements}u + i * 4u);
      ${norm ? `part_${t} += dot(v, v);` : ""}
      staged[${t * quads * stride}u + at] = v${norm ? ` * norm_weight4(0u, ${start * elements}u + i * 4u)` : ""};
    }`,
      )
      .join("\n    ");
    slabs.push({
      start,
      count,
      stage: `${start > 0 ? "workgroupBarrier();" : norm ? tile.map((t) => `var part_${t} = 0.0;`).join(" ") : ""}
  for (var i = thread; i < ${count * quads}u; i += ${workgroupSize}u) {
    let at = (i % ${quads}u) * ${stride}u + i / ${quads}u;
    ${body}
  }
  workgroupBarrier();`,
    });
  }
  const inverses = packed(
    tile.map((t) => `part_${t}`),
    Math.min(4, tileTokens),
  ).map((parts, i) => {
    const value = parts.length === 1 ? parts[0] : `${type}(${parts.join(", ")})`;
    const own = tile.slice(i * parts.length, (i + 1) * parts.length);
    return `let squares_${i} = workgroup_sum(${value}, thread);
  ${own
    .map((t, j) => {
      const squares = `squares_${i}${parts.length === 1 ? "" : `.${"xyzw"[j]}`}`;
      return `let inverse_${t} = 1.0 / sqrt(${squares} / ${x.shape[1]}.0 + ${norm?.epsilon});`;
    })
    .join(" ")}`;
  });
  return {
    bindings: [...vector.bindings, ...(weight?.bindings ?? [])],
    enables: norm ? total.enables : [],
    code: [
      vector.code,
      weight?.code,
      norm && total.code,
      `var<workgroup> staged: array<vec4<f32>, ${tileTokens * quads * stride}>;`,
    ]
      .filter(Boolean)
      .join("\n"),
    slabs,
    inverses: norm ? inverses.join("\n  ") : "",
    quad: (t, i, chunk) => `staged[${t * quads * stride + i * stride}u + ${chunk}]`,
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
    ${isNormed ? pick("inverse", (result) => `inverse_${result % tileTokens}`) : ""}
    if (lane < ${own.length}u && output < ${outputs}u && position < end) {
      finish(prepared, ${rowsPerOutput === 2 ? `gate${times}, ` : ""}sum${times}, token, matrix, output);
    }
  }`);
  }
  return { before: isOneEach ? place(`(lane % ${results}u)`) : "", after: blocks.join("\n  ") };
}
