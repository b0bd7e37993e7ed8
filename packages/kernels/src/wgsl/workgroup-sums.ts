/**
 * WGSL that adds up several values over a whole workgroup, around a barrier that the caller needs anyway.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";

/** The pieces. */
export interface WorkgroupSums {
  readonly enables: NonNullable<Shader["enables"]>;
  /** Workgroup variables. */
  readonly code: string;
  /**
   * Statements ahead of the caller's `workgroupBarrier()`, in uniform control flow, once in a shader; `thread` is the local
   * invocation index.
   *
   * @param values - names of f32 variables, as many as were planned
   */
  before(values: readonly string[]): string;
  /** Statements after it: each thread has the sums, in `workgroup_total_0` and so on. */
  readonly after: string;
}

/** @param count - of values */
export function workgroupSums(
  { software, subgroupSize }: AdapterTraits,
  workgroupSize: number,
  count: number,
): WorkgroupSums {
  if (software) return oneByOne(workgroupSize, count);
  if (subgroupSize <= 1 || workgroupSize % subgroupSize !== 0) return trees(workgroupSize, count);
  return overSubgroups(workgroupSize, subgroupSize, count);
}

/**
 * Several values are added up over a subgroup together: with each halving of the lanes that a sum is spread over, a lane hands on
 * half of its values and keeps the others, so that eight values take 9 exchanges rather than 40.
 */
function overSubgroups(workgroupSize: number, subgroupSize: number, count: number): WorkgroupSums {
  const subgroups = workgroupSize / subgroupSize;
  const batch = Math.min(8, subgroupSize);
  const lanesPerValue = subgroupSize / batch;
  const together = count - (count % batch);
  const at = (value: string) => `workgroup_parts[(${value}) * ${subgroups}u + thread / ${subgroupSize}u]`;
  const exchanged = (values: readonly string[], first: number) => {
    const name = (step: number, i: number) => (step === batch ? (values[first + i] as string) : `part${step}_${i}`);
    const lines = [];
    for (let half = batch / 2, step = subgroupSize / 2; half >= 1; half /= 2, step /= 2) {
      lines.push(`let upper${half} = (thread & ${step}u) != 0u;`);
      for (let i = 0; i < half; i++) {
        const [low, high] = [name(2 * half, i), name(2 * half, i + half)];
        lines.push(
          `let part${half}_${i} = select(${low}, ${high}, upper${half}) + subgroupShuffleXor(select(${high}, ${low}, upper${half}), ${step}u);`,
        );
      }
    }
    lines.push("var sum = part1_0;");
    for (let step = lanesPerValue / 2; step >= 1; step /= 2) lines.push(`sum += subgroupShuffleXor(sum, ${step}u);`);
    const store = `${at(`${first}u + thread % ${subgroupSize}u / ${lanesPerValue}u`)} = sum;`;
    lines.push(lanesPerValue === 1 ? store : `if (thread % ${lanesPerValue}u == 0u) { ${store} }`);
    return `{
    ${lines.join("\n    ")}
  }`;
  };
  const sum = (i: number) => Array.from({ length: subgroups }, (_, part) => `workgroup_parts[${i * subgroups + part}]`);
  return {
    enables: ["subgroups"],
    code: `var<workgroup> workgroup_parts: array<f32, ${count * subgroups}>;`,
    before: (values) =>
      values
        .map((value, i) => {
          if (i < together) return i % batch === 0 ? exchanged(values, i) : "";
          return `let part_${i} = subgroupAdd(${value});
  if (thread % ${subgroupSize}u == 0u) { ${at(`${i}u`)} = part_${i}; }`;
        })
        .join("\n  "),
    after: range(count, (i) => `let workgroup_total_${i} = ${sum(i).join(" + ")};`),
  };
}

/** Four values at a time go down a tree. */
function trees(workgroupSize: number, count: number): WorkgroupSums {
  return {
    enables: [],
    code: `var<workgroup> workgroup_parts: array<vec4<f32>, ${workgroupSize}>;`,
    before: (values) =>
      Array.from({ length: Math.ceil(count / 4) }, (_, four) => {
        const some = Array.from({ length: 4 }, (_, i) => values[four * 4 + i] ?? "0.0");
        return `workgroup_parts[thread] = vec4<f32>(${some.join(", ")});
  for (var half = ${workgroupSize / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { workgroup_parts[thread] += workgroup_parts[thread + half]; }
  }
  workgroupBarrier();
  let four_${four} = workgroup_parts[0];
  workgroupBarrier();`;
      }).join("\n  "),
    after: range(count, (i) => `let workgroup_total_${i} = four_${i >> 2}[${i & 3}];`),
  };
}

/** On an emulated GPU a barrier costs more than that one thread adds up all parts of a value. */
function oneByOne(workgroupSize: number, count: number): WorkgroupSums {
  return {
    enables: [],
    code: `var<workgroup> workgroup_parts: array<f32, ${workgroupSize * count}>;
var<workgroup> workgroup_totals: array<f32, ${count}>;`,
    before: (values) =>
      values.map((value, i) => `workgroup_parts[${i * workgroupSize}u + thread] = ${value};`).join("\n  "),
    after: `for (var value = thread; value < ${count}u; value += ${workgroupSize}u) {
    var sum = 0.0;
    for (var i = 0u; i < ${workgroupSize}u; i++) { sum += workgroup_parts[value * ${workgroupSize}u + i]; }
    workgroup_totals[value] = sum;
  }
  workgroupBarrier();
  ${range(count, (i) => `let workgroup_total_${i} = workgroup_totals[${i}];`)}`,
  };
}

function range(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n  ");
}
