/**
 * One thread per four elements.
 */
import type { Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../dispatch.ts";
import { loader } from "../wgsl/load.ts";
import type { EmbeddingOperands, EmbeddingParams } from "./embedding.ts";

const WORKGROUP_SIZE = 64;

export function embeddingShader(operands: EmbeddingOperands, { firstId = 0 }: EmbeddingParams): Shader {
  const [vocab, hidden] = operands.table.shape;
  const table = loader("table", operands.table);
  const quads = Math.ceil(hidden / 4);
  return {
    bindings: [
      { name: "out", tensor: operands.out, access: "read_write", type: "array<f32>" },
      { name: "ids", tensor: operands.ids, access: "read", type: "array<u32>" },
      ...table.bindings,
    ],
    code: `${table.code}`,
    workgroupSize: WORKGROUP_SIZE,
    main: `let index = ${WORKGROUP_INDEX} * ${WORKGROUP_SIZE}u + thread;
  let token = index / ${quads}u;
  if (token >= run.tokens) { return; }
  let row = ids[token] - ${firstId}u;
  if (row >= ${vocab}u) { return; } // also for ids before the first, as they wrap
  let column = (index % ${quads}u) * 4u;
  let values = table4(row, column);
  for (var i = 0u; i < 4u && column + i < ${hidden}u; i++) { out[token * ${hidden}u + column + i] = values[i]; }`,
    workgroups: (tokens) => spread(Math.ceil((tokens * quads) / WORKGROUP_SIZE)),
  };
}
