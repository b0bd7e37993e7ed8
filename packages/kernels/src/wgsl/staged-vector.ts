/**
 * A vector that is normalised on its way into a matrix-vector product: laid out in workgroup memory, multiplied by the norm's
 * weight; its divisor is left for the end. There neighbouring lanes, which hold neighbouring chunks of a row, read neighbouring
 * addresses.
 */
import type { AdapterTraits, Tensor } from "@blackmamba/tensor";
import { DIGITS } from "./digits.ts";
import { loader } from "./load.ts";
import type { Vectors } from "./vectors.ts";
import { workgroupSums } from "./workgroup-sums.ts";

/** RMSNorm of a vector: x / sqrt(mean(x²) + ε) · weight. */
export interface FoldedNorm {
  /** f32 [inputs] */
  readonly weight: Tensor;
  readonly epsilon: number;
}

/** What is staged, and how. */
export interface StagedVectorPlan {
  /** f32 [tokens, inputs]: the row `token_0` is staged. */
  readonly x: Tensor;
  readonly norm: FoldedNorm;
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
 * Puts the vector into workgroup memory: quad i of chunk c at [i, c]. Its `stage` declares `inverse`, the reciprocal of the
 * root mean square, and `small_0` and so on, the finished products with the rows of `small`.
 */
export function stagedVector(plan: StagedVectorPlan, traits: AdapterTraits): Vectors {
  const { x, norm, small, elements, inDigits, workgroupSize } = plan;
  const inputs = x.shape[1] ?? 1;
  const vector = loader("x", x);
  const weight = loader("norm_weight", norm.weight);
  const rows = small && loader("small", small);
  const quads = elements / 4;
  const chunks = Math.ceil(inputs / elements);
  // Eight quads fill all banks: rows of chunks are shifted against each other so that storing does not collide.
  const shift = 8 / Math.min(quads, 8);
  let stride = chunks;
  while (quads > 1 && stride % 8 !== shift % 8) stride++;
  const count = chunks * quads;

  const products = Array.from({ length: small?.shape[0] ?? 0 }, (_, row) => row);
  const sums = ["squares", ...products.map((row) => `product_${row}`)];
  const total = workgroupSums(traits, workgroupSize, sums.length);
  const load = (turn: string, column: string) =>
    `v${turn} = x4(token_0, ${column}); g${turn} = norm_weight4(0u, ${column});
    ${products.map((row) => `s${turn}_${row} = small4(${row}u, ${column});`).join(" ")}`;
  const declare = (turn: string) =>
    ["v", "g"].map((name) => `var ${name}${turn}: vec4<f32>;`).join(" ") +
    products.map((row) => ` var s${turn}_${row}: vec4<f32>;`).join("");
  const store = (turn: string, i: string) => {
    const value = `v${turn} * g${turn}`;
    return `squares += dot(v${turn}, v${turn}); let n${turn} = ${value};
    staged[(${i} % ${quads}u) * ${stride}u + ${i} / ${quads}u] = ${inDigits ? `digits_of(n${turn})` : `n${turn}`};
    ${products.map((row) => `product_${row} += dot(s${turn}_${row}, n${turn});`).join(" ")}`;
  };

  const turns = Array.from({ length: Math.ceil(count / workgroupSize) }, (_, turn) => turn);
  const place = (turn: number) => `(thread + ${turn * workgroupSize}u)`;
  const guarded = (turn: number, statements: string) =>
    `${(turn + 1) * workgroupSize <= count ? "" : `if (${place(turn)} < ${count}u) `}{ ${statements} }`;
  // All loads before the first store.
  const unrolled = [
    ...turns.map((turn) => `${declare(`${turn}`)} ${guarded(turn, load(`${turn}`, `${place(turn)} * 4u`))}`),
    ...turns.map((turn) => guarded(turn, store(`${turn}`, place(turn)))),
  ].join("\n  ");
  const looped = `for (var i = thread; i < ${count}u; i += ${workgroupSize}u) {
    ${declare("")} ${load("", "i * 4u")}
    ${store("", "i")}
  }`;
  return {
    bindings: [...vector.bindings, ...weight.bindings, ...(rows?.bindings ?? [])],
    enables: total.enables,
    code: `${vector.code}
${weight.code}
${rows?.code ?? ""}
${total.code}
${inDigits ? DIGITS : ""}
var<workgroup> staged: array<${inDigits ? "vec4<u32>" : "vec4<f32>"}, ${quads * stride}>;`,
    stage: `${sums.map((sum) => `var ${sum} = 0.0;`).join(" ")}
  ${turns.length <= MAX_UNROLLED_TURNS ? unrolled : looped}
  ${total.before(sums)}
  workgroupBarrier();
  ${total.after}
  let inverse = 1.0 / sqrt(workgroup_total_0 / ${inputs}.0 + ${norm.epsilon});
  ${products.map((row) => `let small_${row} = workgroup_total_${row + 1} * inverse;`).join(" ")}`,
    quad: (_, i, chunk) => `staged[${i * stride}u + ${chunk}]`,
    ...(inDigits && { dot: (word, quad) => `digit_dot(${word}, ${quad})` }),
  };
}
