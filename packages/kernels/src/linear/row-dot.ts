/**
 * Dot products of a matrix's rows with a vector, in plain TypeScript, straight from the stored type: for a single token,
 * widening a row first would take longer than the product.
 *
 * Each sum is kept in four parts: an addition has to wait for the one before it in the same sum, and that wait is most of
 * the time.
 */
import { f32, type HostTensor, QUANT_BLOCK, rowReader, wideningTable } from "@blackmamba/tensor";

/** Σ_k matrix[row, k] · x[start + k] */
export type RowDot = (row: number, x: Float32Array, start: number) => number;

/** Dot products with the rows of this matrix, of any float type. */
export function rowDot(matrix: HostTensor): RowDot {
  const width = matrix.shape[matrix.shape.length - 1];
  const { dtype } = matrix;
  if (dtype === "f32" || dtype === "u32") {
    const values = f32(matrix);
    return (row, x, start) => dot(values, row * width, x, start, width);
  }
  if (dtype === "q8_0") {
    const [values, scales] = [matrix.values as Int8Array, matrix.scales as Uint16Array];
    const table = wideningTable("f16");
    return (row, x, start) => dotQ8(values, scales, table, row * width, x, start, width);
  }
  if (dtype === "q4_0") {
    const read = rowReader(matrix);
    return (row, x, start) => dot(read(row), 0, x, start, width);
  }
  const values = matrix.values as Uint16Array;
  const table = wideningTable(dtype);
  return (row, x, start) => dot16(values, table, row * width, x, start, width);
}

/** Σ_k a[first + k] · x[start + k] */
export function dot(a: Float32Array, first: number, x: Float32Array, start: number, length: number): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    sum0 += a[first + k] * x[start + k];
    sum1 += a[first + k + 1] * x[start + k + 1];
    sum2 += a[first + k + 2] * x[start + k + 2];
    sum3 += a[first + k + 3] * x[start + k + 3];
  }
  for (; k < length; k++) sum0 += a[first + k] * x[start + k];
  return sum0 + sum1 + (sum2 + sum3);
}

function dot16(
  a: Uint16Array,
  table: Float32Array,
  first: number,
  x: Float32Array,
  start: number,
  length: number,
): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    sum0 += table[a[first + k]] * x[start + k];
    sum1 += table[a[first + k + 1]] * x[start + k + 1];
    sum2 += table[a[first + k + 2]] * x[start + k + 2];
    sum3 += table[a[first + k + 3]] * x[start + k + 3];
  }
  for (; k < length; k++) sum0 += table[a[first + k]] * x[start + k];
  return sum0 + sum1 + (sum2 + sum3);
}

function dotQ8(
  values: Int8Array,
  scales: Uint16Array,
  table: Float32Array,
  first: number,
  x: Float32Array,
  start: number,
  length: number,
): number {
  let total = 0;
  for (let block = 0; block < length; block += QUANT_BLOCK) {
    const at = first + block;
    const from = start + block;
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    for (let k = 0; k < QUANT_BLOCK; k += 4) {
      sum0 += values[at + k] * x[from + k];
      sum1 += values[at + k + 1] * x[from + k + 1];
      sum2 += values[at + k + 2] * x[from + k + 2];
      sum3 += values[at + k + 3] * x[from + k + 3];
    }
    total += table[scales[at / QUANT_BLOCK]] * (sum0 + sum1 + (sum2 + sum3));
  }
  return total;
}
