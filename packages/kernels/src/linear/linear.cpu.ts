/**
 * `linear` for the CPU device: the reference's sums in an order that a processor likes. Each matrix's rows are read once for
 * all tokens it is for.
 */
import { f32, type HostOperands, type HostTensor, rowReader, u32 } from "@blackmamba/tensor";
import { gelu, softplus } from "../math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { DEFAULT_EPSILON } from "./linear-sizes.ts";
import { dot, rowDot } from "./row-dot.ts";

export function linearCpu(operands: HostOperands<LinearOperands>, params: LinearParams, runTokens: number): void {
  const tokens = Math.min(runTokens, operands.out.shape[0]);
  const { out, weights, bias, expert, scale } = operands;
  const outputs = out.shape[1];
  const isGated = params.activation === "gated-gelu";
  const rows = isGated ? 2 * outputs : outputs;
  const x = normalised(operands, params, tokens);
  const inputs = x.shape[1];
  const [outData, xData] = [f32(out), f32(x)];
  const [biasData, scaleData] = [bias && f32(bias), scale && f32(scale)];
  const [weightRow, dotRow] = [rowReader(weights), rowDot(weights)];
  const [sums, gates] = [new Float64Array(tokens), new Float64Array(tokens)];
  const { firstExpert = 0 } = params;

  for (const [matrix, members] of tokensByMatrix(weights, expert, firstExpert, tokens)) {
    const starts = members.map((t) => x.offset + t * x.rowStride);
    const multiplyRow = (own: number, into: Float64Array) => {
      const row = matrix * rows + own;
      if (starts.length === 1) into[0] = dotRow(row, xData, starts[0]);
      else multiply(weightRow(row), inputs, xData, starts, into);
    };
    const biasOf = (row: number) =>
      biasData && bias ? biasData[bias.offset + (firstExpert + matrix) * rows + row] : 0;
    for (let n = 0; n < outputs; n++) {
      const row = isGated ? outputs + n : n;
      multiplyRow(row, sums);
      if (isGated) multiplyRow(n, gates);
      const [b, gateBias] = [biasOf(row), biasOf(n)];
      for (let i = 0; i < members.length; i++) {
        const t = members[i];
        let value = sums[i] + b;
        if (params.activation === "softplus") value = softplus(value);
        if (params.activation === "gelu") value = gelu(value);
        if (isGated) value *= gelu(gates[i] + gateBias);
        if (scaleData && scale) value *= scaleData[scale.offset + t * scale.rowStride];
        const at = out.offset + t * out.rowStride + n;
        outData[at] = params.accumulate ? outData[at] + value : value;
      }
    }
  }
}

/** The vectors to multiply: x, or a copy of it that is normalised. */
function normalised(
  { x, norm }: HostOperands<LinearOperands>,
  { epsilon = DEFAULT_EPSILON }: LinearParams,
  tokens: number,
): HostTensor {
  if (!norm) return x;
  const inputs = x.shape[1];
  const copy = new Float32Array(tokens * inputs);
  for (let t = 0; t < tokens; t++) {
    const row = f32(x).subarray(x.offset + t * x.rowStride, x.offset + t * x.rowStride + inputs);
    const deviation = Math.sqrt(dot(row, 0, row, 0, inputs) / inputs + epsilon);
    for (let k = 0; k < inputs; k++) copy[t * inputs + k] = (row[k] / deviation) * f32(norm)[k];
  }
  return { ...x, values: copy, offset: 0, rowStride: inputs };
}

/** Which tokens each matrix of the stack is for; all tokens, where there is one matrix. */
function tokensByMatrix(
  weights: HostTensor,
  expert: HostTensor | undefined,
  firstExpert: number,
  tokens: number,
): Map<number, Int32Array> {
  const all = Int32Array.from({ length: tokens }, (_, t) => t);
  if (!expert) return new Map([[0, all]]);
  const chosen = u32(expert);
  const members = new Map<number, Int32Array>();
  for (let matrix = 0; matrix < weights.shape[0]; matrix++) {
    const own = all.filter((t) => chosen[t] === firstExpert + matrix);
    if (own.length > 0) members.set(matrix, own);
  }
  return members;
}

/**
 * sums[i] = Σ_k w[k] · x[starts[i] + k]
 *
 * Two sums at a time, each in two parts: an addition has to wait for the one before it in the same sum, and that wait is
 * most of the time.
 */
function multiply(w: Float32Array, length: number, x: Float32Array, starts: Int32Array, sums: Float64Array): void {
  let i = 0;
  for (; i + 1 < starts.length; i += 2) {
    const [a, b] = [starts[i], starts[i + 1]];
    let a0 = 0;
    let a1 = 0;
    let b0 = 0;
    let b1 = 0;
    let k = 0;
    for (; k + 1 < length; k += 2) {
      const [w0, w1] = [w[k], w[k + 1]];
      a0 += w0 * x[a + k];
      b0 += w0 * x[b + k];
      a1 += w1 * x[a + k + 1];
      b1 += w1 * x[b + k + 1];
    }
    if (k < length) {
      a0 += w[k] * x[a + k];
      b0 += w[k] * x[b + k];
    }
    sums[i] = a0 + a1;
    sums[i + 1] = b0 + b1;
  }
  if (i < starts.length) sums[i] = dot(w, 0, x, starts[i], length);
}
