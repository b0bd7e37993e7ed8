/**
 * The logits that are sampled: the model's, with the repetition penalty of arXiv 1909.05858 (section 4.1) on the ids that
 * were seen, in the form libraries give it: a logit above 0 is divided by the penalty, one below is multiplied. The same in
 * WGSL: `logit.wgsl.ts`.
 */
import { f32, type HostTensor, u32 } from "@blackmamba/tensor";
import { decodeSettings } from "./settings.ts";

/** Words of a bitmap of ids. */
export function seenWidth(vocab: number): number {
  return Math.ceil(vocab / 32);
}

/** The logits [vocab] of a row: the tensor's own where nothing is to be penalized. */
export function penalizedRow(
  { logits, settings, seen }: { logits: HostTensor; settings: HostTensor; seen?: HostTensor | undefined },
  row: number,
): Float32Array {
  const vocab = logits.shape[1];
  const own = f32(logits).subarray(row * vocab, (row + 1) * vocab);
  if (!seen) return own;
  const { penalty, inversePenalty } = decodeSettings(u32(settings), row);
  const words = u32(seen).subarray(row * seenWidth(vocab), (row + 1) * seenWidth(vocab));
  const penalized = own.slice();
  for (const [index, word] of words.entries()) {
    if (word === 0) continue;
    for (let id = index * 32; id < Math.min(index * 32 + 32, vocab); id++) {
      if ((word >>> (id % 32)) % 2 === 1) penalized[id] *= own[id] > 0 ? inversePenalty : penalty;
    }
  }
  return penalized;
}
