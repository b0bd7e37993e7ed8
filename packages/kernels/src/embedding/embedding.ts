/**
 * out[t] = table[ids[t]]
 */
import { defineKernel, type Program, rows, splitPoints, type Tensor } from "@blackmamba/tensor";
import { expectOperand, WEIGHT_DTYPES } from "../check.ts";
import { embeddingReference } from "./embedding.reference.ts";
import { embeddingShader } from "./embedding.wgsl.ts";

/** Operands of {@link embedding}. */
export type EmbeddingOperands = {
  /** f32 [tokens, hidden] */
  readonly out: Tensor;
  /** u32 [tokens]; ids outside the table leave their row of `out` alone, or make it 0 in a chain */
  readonly ids: Tensor;
  /** [vocab, hidden], any float type */
  readonly table: Tensor;
};

/** Parameters of {@link embedding}. */
export type EmbeddingParams = {
  /** The table is a part of one: its first row belongs to this id. Default: it has all ids. */
  readonly firstId?: number | undefined;
};

/** Looks up rows of a table that fits one operand of the device; {@link recordEmbedding} splits larger ones. */
export const embedding = defineKernel<EmbeddingOperands, EmbeddingParams>({
  name: "embedding",

  check({ out, ids, table }) {
    expectOperand("embedding", "out", out, ["f32"], [undefined, undefined]);
    expectOperand("embedding", "ids", ids, ["u32"], [out.shape[0]]);
    expectOperand("embedding", "table", table, WEIGHT_DTYPES, [undefined, out.shape[1]]);
  },

  shader: embeddingShader,
  reference: embeddingReference,
});

/** Records {@link embedding}, in several calls where the table is larger than one operand may be. */
export function recordEmbedding(program: Program, operands: EmbeddingOperands): void {
  const points = splitPoints(operands.table);
  for (let piece = 0; piece + 1 < points.length; piece++) {
    const table = rows(operands.table, points[piece], points[piece + 1]);
    program.call(embedding, { ...operands, table }, points.length === 2 ? {} : { firstId: points[piece] });
  }
}
