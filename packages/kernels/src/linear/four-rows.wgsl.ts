/**
 * Matrix-matrix products make the results of four rows of weights at a time, as a `vec4`. These are four outputs; or two
 * outputs of a gated activation, first both gates and then both values.
 */
import type { LinearOperands } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";

/** Declarations, and how many outputs four rows make. */
export interface FourRows {
  readonly outputs: 2 | 4;
  /**
   * Declares `fn rows_of(matrix: u32, output: u32) -> vec4<u32>`, the four rows that make the outputs from `output` on: past
   * the edge, the last output's again. And `fn store(sums: vec4<f32>, token: u32, matrix: u32, output: u32)`, which hands the
   * finished sums of those rows to the epilogue, as far as there are so many outputs.
   */
  readonly code: string;
}

export function fourRows(operands: LinearOperands): FourRows {
  const { outputs, paired } = linearSizes(operands);
  const count = paired ? 2 : 4;
  const offsets = paired ? "0u, 1u, 0u, 1u" : "0u, 1u, 2u, 3u";
  const last = `vec4<u32>(${outputs - 1}u)`;
  const rows = `min(vec4<u32>(output) + vec4<u32>(${offsets}), ${last})`;
  const start = paired
    ? `matrix * ${2 * outputs}u + vec4<u32>(0u, 0u, ${outputs}u, ${outputs}u)`
    : `matrix * ${outputs}u`;
  const stores = Array.from({ length: count }, (_, i) => {
    const sums = paired ? `sums[${i}], sums[${i + 2}]` : `sums[${i}]`;
    return {
      last: `output + ${i}u < ${outputs}u`,
      finish: `finish(prepare(token, matrix, output + ${i}u), ${sums}, token, matrix, output + ${i}u);`,
    };
  });
  return {
    outputs: count,
    code: `fn rows_of(matrix: u32, output: u32) -> vec4<u32> { return ${start} + ${rows}; }

fn store(sums: vec4<f32>, token: u32, matrix: u32, output: u32) {
  ${
    outputs % count === 0
      ? `if (output < ${outputs}u) { ${stores.map(({ finish }) => finish).join(" ")} }`
      : stores.map(({ last, finish }) => `if (${last}) { ${finish} }`).join("\n  ")
  }
}`,
  };
}
