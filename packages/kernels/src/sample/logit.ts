/** Logits as the samplers' references read them. */
import { f32, type HostTensor } from "@blackmamba/tensor";

/** The logits [vocab] of a row. */
export function logitRow({ logits }: { readonly logits: HostTensor }, row: number): Float32Array {
  const vocab = logits.shape[1];
  return f32(logits).subarray(row * vocab, (row + 1) * vocab);
}
