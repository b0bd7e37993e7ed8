/**
 * `sampleSlices` in plain loops.
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

export function sampleSlicesReference(
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
      let [bestKey, best] = [0, slice * SLICE];
      for (let id = slice * SLICE; id < Math.min((slice + 1) * SLICE, vocab); id++) {
        let score = logits[id];
        if (isKept && !Number.isNaN(score) && !isKept(score, id)) continue;
        if (noise) {
          if (block !== id >>> 1) {
            block = id >>> 1;
            philox(block, steps[row], seed, words);
          }
          score = Math.fround(
            Math.fround(score * inverseTemperature) + Math.fround(noiseScale * gumbel(words[id % 2])),
          );
        }
        const key = keyOf(score);
        if (key > bestKey) [bestKey, best] = [key, id];
      }
      keys[row * slices + slice] = bestKey;
      ids[row * slices + slice] = best;
    }
  }
}
