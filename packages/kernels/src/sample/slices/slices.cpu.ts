/**
 * `sampleSlices` for the CPU device: as the reference, but the logarithms of the noise are spared where even more noise than
 * there can be would not make an id the best of its slice.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { keptBy } from "../kept.ts";
import { keyOf } from "../key.ts";
import { logitRow } from "../logit.ts";
import { gumbel } from "../noise.ts";
import { philox } from "../philox.ts";
import { decodeSettings } from "../settings.ts";
import { SLICE } from "./slice-count.ts";
import type { SampleSlicesOperands, SampleSlicesParams } from "./slices.ts";

/** Beyond rounding, so that nothing is left out that the reference would choose. */
const MARGIN = 0.01;

export function sampleSlicesCpu(
  operands: HostOperands<SampleSlicesOperands>,
  { noise }: SampleSlicesParams,
  tokens: number,
): void {
  const [keys, ids, steps] = [u32(operands.keys), u32(operands.ids), u32(operands.steps)];
  const vocab = operands.logits.shape[1];
  const slices = operands.keys.shape[1];
  const words = new Uint32Array(2);
  for (let row = 0; row < tokens; row++) {
    const { seed, inverseTemperature, noiseScale } = decodeSettings(u32(operands.settings), row);
    const logits = logitRow(operands, row);
    const isKept = keptBy(operands, row);
    // Two ids share a block of random words.
    let block = -1;
    for (let slice = 0; slice < slices; slice++) {
      let [bestKey, best, bestScore] = [0, slice * SLICE, Number.NEGATIVE_INFINITY];
      const end = Math.min((slice + 1) * SLICE, vocab);
      for (let id = slice * SLICE; id < end; id++) {
        let score = logits[id];
        if (isKept && !Number.isNaN(score) && !isKept(score, id)) continue;
        if (noise && noiseScale > 0) {
          const scaled = Math.fround(score * inverseTemperature);
          if (block !== id >>> 1) {
            block = id >>> 1;
            philox(block, steps[row], seed, words);
          }
          // −log(−log(1 − v)) ≤ −log(v), and v has so many zeros in front.
          if (scaled + (Math.clz32(words[id % 2]) + 1) * Math.LN2 + MARGIN < bestScore) continue;
          score = Math.fround(scaled + Math.fround(gumbel(words[id % 2])));
        }
        const key = keyOf(score);
        if (key > bestKey) [bestKey, best, bestScore] = [key, id, score];
      }
      keys[row * slices + slice] = bestKey;
      ids[row * slices + slice] = best;
    }
  }
}
