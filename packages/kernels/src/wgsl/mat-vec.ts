/**
 * The heart of every kernel that multiplies a matrix with a few vectors: WGSL that reads each weight once and makes sums.
 * What becomes of a sum is the kernel's own `finish`.
 *
 * Lanes share a row, taking chunks of 16 bytes in turn, and add up their parts at the end. A normalised vector is normalised
 * on the way: Σ w·(x·g) and Σ x² in the same loop, the quotient at the end. On an emulated GPU a lane has a row to itself, and
 * the workgroup normalises the vector beforehand.
 */
import { type AdapterTraits, type Binding, rowCount, type Shader, type Tensor } from "@blackmamba/tensor";
import { type MatVecShape, matVecShape } from "../tuning.ts";
import { chunkLoader } from "./chunks.ts";
import { laneSum, type SumType } from "./lane-sum.ts";
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
  /** WGSL expression of the reciprocal of the vector's root mean square, where the kernel has it already. */
  readonly inverse?: string | undefined;
  /** Tokens of a tile; default 1, which is all there may be for `norm` on an emulated GPU. */
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
  /** Statements of `main` that make the vector ready, after `start: u32` is declared; often none. */
  readonly stage: string;
  /** WGSL expression of four elements of tile token t's vector, as they are, after `stage`; `token` is where it lies. */
  quad(token: string, column: string): string;
  /** WGSL expression of such a `value` times the norm's weight, where that is still to be done. */
  weighted(value: string, column: string): string;
  /** Whether sums over `weighted` quads have still to be divided by the vector's root mean square. */
  readonly isFolded: boolean;
  /** The type that `fn lane_sum(value: TYPE, thread: u32) -> TYPE` of `code` adds up over a group of lanes. */
  readonly sumType: SumType;
  /** Components of it. */
  readonly sumWidth: number;
  /**
   * Statements of `main` after `stage` and after `matrix: u32`, `start: u32` and `end: u32` (the tile's positions) are
   * declared. They call `fn token_at(position: u32) -> u32`, and for each result
   *
   * - `fn prepare(token: u32, matrix: u32, output: u32) -> Prepared`, before the sums are made: what finishing a result needs to
   *   read is on its way meanwhile. Also called for results that are not finished, with indices that are in range.
   * - `fn finish(prepared: Prepared, sum: f32, token: u32, matrix: u32, output: u32)`, with `paired` the gate's sum before `sum`.
   */
  readonly body: string;
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
  const matrixRows = outputs * rowsPerOutput;
  const w = chunkLoader("weights", weights);
  const chunks = Math.ceil(inputs / w.elements);
  const shape = plan.shape ?? matVecShape({ chunks, outputs, rowsPerOutput, tokens: tileTokens }, traits);
  const { lanes, groups } = shape;
  const workgroupSize = lanes * groups;
  const isStaged = norm !== undefined && traits.software;
  const vector = vectorReader(operands, isStaged, workgroupSize, traits);

  const rows = Array.from({ length: shape.outputs * rowsPerOutput }, (_, r) => r);
  const tile = Array.from({ length: tileTokens }, (_, t) => t);
  const outputOf = (r: number) => `min(first + ${Math.floor(r / rowsPerOutput)}u, ${outputs - 1}u)`;
  const sums = rows.flatMap((r) => tile.map((t) => `sum_${r}_${t}`));
  const isFolded = norm !== undefined && !isStaged;
  const squares = isFolded && plan.inverse === undefined ? tile.map((t) => `squares_${t}`) : [];
  const values = [...sums, ...squares];
  const width = Math.min(4, values.length);
  const sumType = (["f32", "vec2<f32>", "vec3<f32>", "vec4<f32>"] as const)[width - 1] ?? "vec4<f32>";
  const addUp = laneSum(traits, lanes, workgroupSize, sumType);
  const inverseOf = (total: string) => plan.inverse ?? `(1.0 / sqrt(${total} / ${inputs}.0 + ${norm?.epsilon}))`;
  const results = finishing({
    ...{ sums, squares, width, shape, rowsPerOutput, tileTokens, outputs },
    inverse: isFolded ? inverseOf : undefined,
  });

  /** Multiplies a chunk of every row; `keep` is 0 for a chunk past the end. */
  const multiply = (suffix: string, chunk: string, keep?: string) =>
    tile
      .map((t) => {
        const quads = Array.from({ length: w.elements / 4 }, (_, i) => i);
        const at = (i: number) => `${chunk} * ${w.elements}u + ${4 * i}u`;
        const masked = (value: string) => (keep ? `${value} * ${keep}` : value);
        return `{
      ${quads.map((i) => `let v${i} = ${masked(vector.quad(`token_${t}`, at(i)))};`).join("\n      ")}
      ${squares.length > 0 ? quads.map((i) => `squares_${t} = dot_add(v${i}, v${i}, squares_${t});`).join(" ") : ""}
      ${quads.map((i) => `let x${i} = ${vector.weighted(`v${i}`, at(i))};`).join("\n      ")}
      ${rows
        .map((r) => {
          const c = `w_${r}${suffix}`;
          // A chunk's sum first: many short sums lose less to rounding than one long one.
          const dot = quads.reduce((sum, i) => `dot_add(${w.quad(c, i)}, x${i}, ${sum})`, "0.0");
          const sum = `sum_${r}_${t}`;
          return w.scale ? `${sum} = fma(${w.scale(c)}, ${dot}, ${sum});` : `${sum} += ${dot};`;
        })
        .join("\n      ")}
    }`;
      })
      .join("\n    ");
  const load = (suffix: string, chunk: string) =>
    rows.map((r) => `let w_${r}${suffix} = weights_chunk(row_${r}, ${chunk});`).join("\n    ");

  return {
    enables: addUp.enables,
    bindings: [...vector.bindings, ...w.bindings],
    workgroupSize,
    shape,
    code: `${vector.code}
${w.code}
${addUp.code}
fn dot_add(a: vec4<f32>, b: vec4<f32>, sum: f32) -> f32 {
  return fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))));
}`,
    stage: vector.stage,
    quad: vector.quad,
    weighted: vector.weighted,
    isFolded,
    sumType,
    sumWidth: width,
    body: `let lane = thread % ${lanes}u;
  let first = ((workgroup_id.x + workgroup_id.z * num_workgroups.x) * ${groups}u + thread / ${lanes}u) * ${shape.outputs}u;
  ${rows
    .map((r) => {
      const half = r % rowsPerOutput === 0 ? "" : ` + ${outputs}u`;
      return `let row_${r} = ${matrices > 1 ? `matrix * ${matrixRows}u + ` : ""}${outputOf(r)}${half};`;
    })
    .join("\n  ")}
  ${tile.map((t) => `let token_${t} = token_at(min(start + ${t}u, end - 1u));`).join("\n  ")}
  ${results.before}
  ${values.map((value) => `var ${value} = 0.0;`).join(" ")}
  ${overChunks({ chunks, lanes, loadsPerChunk: rows.length, isUnrolled: tileTokens === 1, load, multiply })}
  ${packed(values, width)
    .map((some, i) => {
      const value = width === 1 ? some[0] : `${sumType}(${some.join(", ")})`;
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

/** How a token's vector is read: from its tensor, or from workgroup memory where it was normalised beforehand. */
function vectorReader(
  { x, norm }: MatVecOperands,
  isStaged: boolean,
  workgroupSize: number,
  traits: AdapterTraits,
): {
  bindings: readonly Binding[];
  code: string;
  stage: string;
  quad(token: string, column: string): string;
  weighted(value: string, column: string): string;
} {
  const own = loader("x", x);
  const weight = norm && loader("norm_weight", norm.weight);
  const bindings = [...own.bindings, ...(weight?.bindings ?? [])];
  const code = [own.code, weight?.code].filter(Boolean).join("\n");
  if (!norm || !isStaged) {
    return {
      bindings,
      code,
      stage: "",
      quad: (token, column) => `x4(${token}, ${column})`,
      weighted: (value, column) => (norm ? `${value} * norm_weight4(0u, ${column})` : value),
    };
  }
  // Rows of the residual stream: a model's width, which fits. Where it does not, it is read where it lies.
  const quads = Math.ceil((x.shape[1] ?? 1) / 4);
  const fits = quads * 16 + workgroupSize * 4 <= traits.maxWorkgroupByteLength;
  const target = fits ? "staged[i] =" : "";
  const normalised = "x4(token_at(start), i * 4u) * inverse * norm_weight4(0u, i * 4u)";
  return {
    bindings,
    code: `${code}
${fits ? `var<workgroup> staged: array<vec4<f32>, ${quads}>;` : ""}
var<workgroup> stage_parts: array<f32, ${workgroupSize}>;`,
    stage: `var part = 0.0;
  for (var i = thread; i < ${quads}u; i += ${workgroupSize}u) {
    let v = x4(token_at(start), i * 4u);
    part += dot(v, v);
  }
  stage_parts[thread] = part;
  workgroupBarrier();
  var squares = 0.0;
  for (var i = 0u; i < ${workgroupSize}u; i++) { squares += stage_parts[i]; }
  let inverse = 1.0 / sqrt(squares / ${x.shape[1]}.0 + ${norm.epsilon});
  ${
    fits
      ? `for (var i = thread; i < ${quads}u; i += ${workgroupSize}u) { ${target} ${normalised}; }
  workgroupBarrier();`
      : ""
  }`,
    quad: (token, column) =>
      fits ? `staged[(${column}) / 4u]` : `x4(${token}, ${column}) * inverse * norm_weight4(0u, ${column})`,
    weighted: (value) => value,
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
  readonly squares: readonly string[];
  /** Values that are added up together. */
  readonly width: number;
  readonly shape: MatVecShape;
  readonly rowsPerOutput: number;
  readonly tileTokens: number;
  readonly outputs: number;
  /** WGSL expression of the reciprocal root mean square from the sum of squares; none, where sums need no more. */
  readonly inverse: ((total: string) => string) | undefined;
}

/** Gives each result to a lane of its own, which finishes it: all at once, rather than one lane one after another. */
function finishing(finishing: Finishing): { before: string; after: string } {
  const { sums, squares, width, shape, rowsPerOutput, tileTokens, outputs, inverse } = finishing;
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
    const pick = (name: string, totalOf: (result: number) => string) => {
      const [head, ...rest] = own;
      const selects = rest.map((result) => `if (lane == ${result - start}u) { ${name} = ${totalOf(result)}; }`);
      return `var ${name} = ${totalOf(head as number)};\n    ${selects.join("\n    ")}`;
    };
    const row = (half: number) => (result: number) =>
      total((Math.floor(result / tileTokens) * rowsPerOutput + half) * tileTokens + (result % tileTokens));
    const squaresOf = squares.length > 0 ? pick("mean", (result) => total(sums.length + (result % tileTokens))) : "";
    const times = inverse ? ` * ${inverse("mean")}` : "";
    const parts = rowsPerOutput === 2 ? `gate${times}, sum${times}` : `sum${times}`;
    blocks.push(`{
    ${isOneEach ? "" : place(`(${start}u + lane)`)}
    ${rowsPerOutput === 2 ? pick("gate", row(0)) : ""}
    ${pick("sum", row(rowsPerOutput - 1))}
    ${squaresOf}
    if (lane < ${own.length}u && output < ${outputs}u && position < end) {
      finish(prepared, ${parts}, token, matrix, output);
    }
  }`);
  }
  return { before: isOneEach ? place(`(lane % ${results}u)`) : "", after: blocks.join("\n  ") };
}
