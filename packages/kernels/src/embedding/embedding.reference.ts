/**
 * `embedding` in plain loops.
 */
import { f32, type HostOperands, rowReader, u32 } from "@blackmamba/tensor";
import type { EmbeddingOperands, EmbeddingParams } from "./embedding.ts";

export function embeddingReference(
  operands: HostOperands<EmbeddingOperands>,
  { firstId = 0 }: EmbeddingParams,
  tokens: number,
): void {
  const [vocab, hidden] = operands.table.shape;
  const [out, ids, tableRow] = [f32(operands.out), u32(operands.ids), rowReader(operands.table)];
  for (let t = 0; t < tokens; t++) {
    const row = ids[t] - firstId;
    if (row >= 0 && row < vocab) out.set(tableRow(row), t * hidden);
  }
}
