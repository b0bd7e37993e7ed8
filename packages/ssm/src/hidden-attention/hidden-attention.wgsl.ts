/**
 * A workgroup for a column and a tile of rows; its threads share out the channels, and add up what they have at the end. Each
 * thread keeps the time that has passed since the column's token as it walks down the rows: a sum of what lies between two tokens,
 * never a difference of sums from the text's beginning, which would cancel.
 */
import { spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Binding, Shader, Tensor } from "@blackmamba/tensor";
import type { HiddenAttentionOperands } from "./hidden-attention.ts";

const WORKGROUP_SIZE = 64;

/**
 * Rows of a tile: many, as each tile first has to add up the time until its first row; at most a thread for each, and in workgroup
 * memory 4 · 64 bytes for each, of which WebGPU promises 16 KiB.
 */
const TILE_ROWS = 32;

export function hiddenAttentionShader({ out, dt, A, B, C }: HiddenAttentionOperands): Shader {
  const columns = out.shape[1];
  const [inner, states] = A.shape;
  const row = ({ offset, rowStride }: Tensor, t: string) => `${offset}u + ${t} * ${rowStride}u`;
  const read = (name: string, tensor: Tensor): Binding => ({ name, tensor, access: "read", type: "array<f32>" });
  return {
    bindings: [
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      ...[read("dt", dt), read("A", A), read("B", B), read("C", C)],
    ],
    code: `/** For each row and thread: the sum over its channels. */
var<workgroup> parts: array<array<f32, ${WORKGROUP_SIZE}>, ${TILE_ROWS}>;`,
    workgroupSize: WORKGROUP_SIZE,
    main: `let index = ${WORKGROUP_INDEX};
  let s = index % ${columns}u;
  let first = index / ${columns}u * ${TILE_ROWS}u;
  if (first >= run.tokens) { return; }
  let end = min(first + ${TILE_ROWS}u, run.tokens);
  let begin = max(first, s);
  for (var r = 0u; r < ${TILE_ROWS}u; r++) { parts[r][thread] = 0.0; }
  if (begin < end) {
    for (var d = thread; d < ${inner}u; d += ${WORKGROUP_SIZE}u) {
      var a: array<f32, ${states}>;
      var b: array<f32, ${states}>;
      let step = dt[${row(dt, "s")} + d];
      for (var n = 0u; n < ${states}u; n++) {
        a[n] = A[d * ${states}u + n];
        b[n] = step * B[${row(B, "s")} + n];
      }
      var elapsed = 0.0;
      for (var k = s + 1u; k < begin; k++) { elapsed += dt[${row(dt, "k")} + d]; }
      for (var t = begin; t < end; t++) {
        if (t > s) { elapsed += dt[${row(dt, "t")} + d]; }
        var sum = 0.0;
        for (var n = 0u; n < ${states}u; n++) {
          sum = fma(C[${row(C, "t")} + n] * b[n], exp(a[n] * elapsed), sum);
        }
        parts[t - first][thread] += sum;
      }
    }
  }
  workgroupBarrier();
  let t = first + thread;
  if (thread < ${TILE_ROWS}u && t < end) {
    var sum = 0.0;
    for (var i = 0u; i < ${WORKGROUP_SIZE}u; i++) { sum += parts[thread][i]; }
    out[${row(out, "t")} + s] = sum / ${inner * states};
  }`,
    workgroups: (tokens) => spread(columns * Math.ceil(tokens / TILE_ROWS)),
  };
}
