/**
 * One thread per four elements.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../dispatch.ts";
import { exchangedOutput } from "../wgsl/exchanged.ts";
import { loader } from "../wgsl/load.ts";
import type { EmbeddingOperands, EmbeddingParams } from "./embedding.ts";

const WORKGROUP_SIZE = 64;

export function embeddingShader(
  operands: EmbeddingOperands,
  { firstId }: EmbeddingParams,
  traits: AdapterTraits,
): Shader {
  // A part of a table leaves other ids' rows alone, and what calls hand each other has to be written.
  const chained = traits.chained && operands.out.shape[0] === 1 && firstId === undefined;
  const workgroupSize = chained ? traits.maxWorkgroupSize : WORKGROUP_SIZE;
  const [vocab, hidden] = operands.table.shape;
  const table = loader("table", operands.table);
  const quads = Math.ceil(hidden / 4);
  return {
    bindings: [
      chained
        ? exchangedOutput("out", operands.out)
        : { name: "out", tensor: operands.out, access: "read_write", type: "array<f32>" },
      { name: "ids", tensor: operands.ids, access: "read", type: "array<u32>" },
      ...table.bindings,
    ],
    code: table.code,
    workgroupSize,
    main: `let index = ${WORKGROUP_INDEX} * ${workgroupSize}u + thread;
  let token = index / ${quads}u;
  if (token >= run.tokens) { return; }
  let row = ids[token] - ${firstId ?? 0}u;
  let is_here = row < ${vocab}u; // not of ids before the first, either: they wrap
  ${chained ? "" : "if (!is_here) { return; }"}
  let column = (index % ${quads}u) * 4u;
  let values = table4(${chained ? `min(row, ${vocab - 1}u)` : "row"}, column);
  for (var i = 0u; i < 4u && column + i < ${hidden}u; i++) {
    ${chained ? "out_put(column + i, select(0.0, values[i], is_here));" : `out[token * ${hidden}u + column + i] = values[i];`}
  }`,
    workgroups: (tokens) => spread(Math.ceil((tokens * quads) / workgroupSize)),
  };
}
