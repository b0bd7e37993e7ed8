/**
 * A vector that is laid out in workgroup memory on its way into a matrix-vector product, where neighbouring lanes, which hold
 * neighbouring chunks of a row, read neighbouring addresses. It may be multiplied by a norm's weight; the norm's divisor is left
 * for the end. In a chain it is waited for first.
 */
import type { AdapterTraits, Tensor } from "@blackmamba/tensor";
import { DIGITS } from "./digits.ts";
import { awaitVectors, exchangedInput } from "./exchanged.ts";
import { type Loader, loader } from "./load.ts";
import type { Vector } from "./vector.ts";
import { workgroupSums } from "./workgroup-sums.ts";

/** RMSNorm of a vector: x / sqrt(mean(x²) + ε) · weight. */
export interface FoldedNorm {
  /** f32 [inputs] */
  readonly weight: Tensor;
  readonly epsilon: number;
}

/** What is staged, and how. */
export interface StagedVectorPlan {
  /** f32 [tokens, inputs]: the row `vector_token` is staged. */
  readonly x: Tensor;
  readonly norm?: FoldedNorm | undefined;
  /** [rows, inputs]; see `MatVecOperands`. */
  readonly small?: Tensor | undefined;
  /** Elements of a chunk of weights. */
  readonly elements: number;
  /** Whether it is staged in digits; see `digits.ts`. */
  readonly inDigits: boolean;
  readonly workgroupSize: number;
}

/** Quads that a thread stages without a loop. */
const MAX_UNROLLED_TURNS = 4;

/**
 * Puts the vector into workgroup memory: quad i of chunk c at [i, c]. With a norm its `stage` declares `inverse`, the reciprocal
 * of the root mean square, and `small_0` and so on, the finished products with the rows of `small`.
 */
export function stagedVector(plan: StagedVectorPlan, traits: AdapterTraits): Vector {
  const { x, norm, small, elements, inDigits, workgroupSize } = plan;
  const inputs = x.shape[1] ?? 1;
  const isAwaited = traits.chained;
  const vector = isAwaited ? awaitedVector(x, workgroupSize) : { ...loader("x", x), stage: "" };
  const weight = norm && loader("norm_weight", norm.weight);
  const rows = small && loader("small", small);
  const quads = elements / 4;
  const chunks = Math.ceil(inputs / elements);
  // Eight quads fill all banks: rows of chunks are shifted against each other so that storing does not collide.
  const shift = 8 / Math.min(quads, 8);
  let stride = chunks;
  while (quads > 1 && stride % 8 !== shift % 8) stride++;
  const count = chunks * quads;
  if (isAwaited && !norm && !inDigits) return scattered(x, { chunks, quads, stride, workgroupSize });

  const products = Array.from({ length: small?.shape[0] ?? 0 }, (_, row) => row);
  const sums = norm ? ["squares", ...products.map((row) => `product_${row}`)] : [];
  const total = workgroupSums(traits, workgroupSize, sums.length);
  const loadWeights = (turn: string, column: string) =>
    [
      norm ? `g${turn} = norm_weight4(0u, ${column});` : "",
      ...products.map((row) => `s${turn}_${row} = small4(${row}u, ${column});`),
    ].join(" ");
  const loadVector = (turn: string, column: string) => `v${turn} = x4(vector_token, ${column});`;
  const declare = (turn: string) =>
    ["v", ...(norm ? ["g"] : [])].map((name) => `var ${name}${turn}: vec4<f32>;`).join(" ") +
    products.map((row) => ` var s${turn}_${row}: vec4<f32>;`).join("");
  const store = (turn: string, i: string) => {
    const value = norm ? `v${turn} * g${turn}` : `v${turn}`;
    return `${norm ? `squares += dot(v${turn}, v${turn});` : ""} let n${turn} = ${value};
    staged[(${i} % ${quads}u) * ${stride}u + ${i} / ${quads}u] = ${inDigits ? `digits_of(n${turn})` : `n${turn}`};
    ${products.map((row) => `product_${row} += dot(s${turn}_${row}, n${turn});`).join(" ")}`;
  };

  const turns = Array.from({ length: Math.ceil(count / workgroupSize) }, (_, turn) => turn);
  const place = (turn: number) => `(thread + ${turn * workgroupSize}u)`;
  const guarded = (turn: number, statements: string) =>
    `${(turn + 1) * workgroupSize <= count ? "" : `if (${place(turn)} < ${count}u) `}{ ${statements} }`;
  const inTurn = (statements: (turn: string, column: string) => string) =>
    turns.map((turn) => guarded(turn, statements(`${turn}`, `${place(turn)} * 4u`)));
  // All loads before the first store, and the weights' before the vector may have to be waited for.
  const unrolled = [
    ...turns.map((turn) => declare(`${turn}`)),
    ...inTurn(loadWeights),
    vector.stage,
    ...inTurn(loadVector),
    ...turns.map((turn) => guarded(turn, store(`${turn}`, place(turn)))),
  ].join("\n  ");
  const looped = `${vector.stage}
  for (var i = thread; i < ${count}u; i += ${workgroupSize}u) {
    ${declare("")} ${loadVector("", "i * 4u")} ${loadWeights("", "i * 4u")}
    ${store("", "i")}
  }`;
  return {
    bindings: [...vector.bindings, ...(weight?.bindings ?? []), ...(rows?.bindings ?? [])],
    enables: norm ? total.enables : [],
    code: `${vector.code}
${weight?.code ?? ""}
${rows?.code ?? ""}
${norm ? total.code : ""}
${inDigits ? DIGITS : ""}
var<workgroup> staged: array<${inDigits ? "vec4<u32>" : "vec4<f32>"}, ${quads * stride}>;`,
    stage: `${sums.map((sum) => `var ${sum} = 0.0;`).join(" ")}
  ${turns.length <= MAX_UNROLLED_TURNS ? unrolled : looped}
  ${norm ? total.before(sums) : ""}
  workgroupBarrier();
  ${norm ? total.after : ""}
  ${norm ? `let inverse = 1.0 / sqrt(workgroup_total_0 / ${inputs}.0 + ${norm.epsilon});` : ""}
  ${products.map((row) => `let small_${row} = workgroup_total_${row + 1} * inverse;`).join(" ")}`,
    quad: (i, chunk) => `staged[${i * stride}u + ${chunk}]`,
    ...(inDigits && { dot: (word, quad) => `digit_dot(${word}, ${quad})` }),
  };
}

/** As `loader` does it for a vector of a chain, once `stage` has waited for it. */
function awaitedVector(x: Tensor, workgroupSize: number): Loader & { readonly stage: string } {
  const inputs = x.shape[1] ?? 1;
  const quads = Math.ceil(inputs / 4);
  const store = (index: string, value: string) => `x_words[${index} / 4u][${index} % 4u] = ${value};`;
  const past = Array.from({ length: quads * 4 - inputs }, (_, i) => `x_words[${quads - 1}u][${3 - i}u] = 0.0;`);
  return {
    bindings: [exchangedInput("x", x)],
    code: `var<workgroup> x_words: array<vec4<f32>, ${quads}>;
fn x4(row: u32, column: u32) -> vec4<f32> {
  if (column >= ${inputs}u) { return vec4<f32>(); }
  return x_words[column / 4u];
}`,
    stage: `${past.length > 0 ? `if (thread == 0u) { ${past.join(" ")} }` : ""}
  ${awaitVectors([{ name: "x", length: inputs, store }], workgroupSize)}
  workgroupBarrier();`,
  };
}

/** A vector of a chain that is laid out as it comes in. */
function scattered(
  x: Tensor,
  plan: { readonly chunks: number; readonly quads: number; readonly stride: number; readonly workgroupSize: number },
): Vector {
  const { chunks, quads, stride, workgroupSize } = plan;
  const inputs = x.shape[1] ?? 1;
  const place = (index: string) =>
    `staged[${index} / 4u % ${quads}u * ${stride}u + ${index} / ${4 * quads}u][${index} % 4u]`;
  const store = (index: string, value: string) => `${place(index)} = ${value};`;
  const past = Array.from({ length: chunks * quads * 4 - inputs }, (_, i) => `${place(`${inputs + i}u`)} = 0.0;`);
  return {
    bindings: [exchangedInput("x", x)],
    enables: [],
    code: `var<workgroup> staged: array<vec4<f32>, ${quads * stride}>;`,
    stage: `${past.length > 0 ? `if (thread == 0u) { ${past.join(" ")} }` : ""}
  ${awaitVectors([{ name: "x", length: inputs, store }], workgroupSize)}
  workgroupBarrier();`,
    quad: (i, chunk) => `staged[${i * stride}u + ${chunk}]`,
  };
}
