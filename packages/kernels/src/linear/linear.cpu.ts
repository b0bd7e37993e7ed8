/**
 * `linear` for the CPU device: the reference's sums in an order that a processor likes. Each matrix's rows are read once for
 * all tokens it is for.
 */
import { f32, type HostOperands, type HostTensor, rowReader, u32 } from "@blackmamba/tensor";
import { softplus } from "../math.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { dot, rowDot } from "./row-dot.ts";

export function linearCpu(operands: HostOperands<LinearOperands>, params: LinearParams, runTokens: number): void {
  const tokens = Math.min(runTokens, operands.out.shape[0]);
  const { out, x, weights, bias, expert, scale } = operands;
  const outputs = out.shape[1];
  const inputs = x.shape[1];
  const [outData, xData] = [f32(out), f32(x)];
  const [biasData, scaleData] = [bias && f32(bias), scale && f32(scale)];
  const [weightRow, dotRow] = [rowReader(weights), rowDot(weights)];
  const sums = new Float64Array(tokens);
  const { firstExpert = 0 } = params;

  for (const [matrix, members] of tokensByMatrix(weights, expert, firstExpert, tokens)) {
    const starts = members.map((t) => x.offset + t * x.rowStride);
    for (let n = 0; n < outputs; n++) {
      const row = matrix * outputs + n;
      if (starts.length === 1) sums[0] = dotRow(row, xData, starts[0]);
      else multiply(weightRow(row), inputs, xData, starts, sums);
      const b = biasData && bias ? biasData[bias.offset + (firstExpert + matrix) * outputs + n] : 0;
      for (let i = 0; i < members.length; i++) {
        const t = members[i];
        let value = sums[i] + b;
        if (params.activation === "softplus") value = softplus(value);
        if (scaleData) value *= scaleData[t];
        const at = out.offset + t * out.rowStride + n;
        outData[at] = params.accumulate ? outData[at] + value : value;
      }
    }
  }
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
