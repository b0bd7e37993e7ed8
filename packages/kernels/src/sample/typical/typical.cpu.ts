/**
 * `sampleTypical` for the CPU device: as the reference, but only the most typical ids are sorted, as many as are left.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { massUnit } from "../cut/cut-words.ts";
import { deviationOf, keptBy } from "../kept.ts";
import { logitRow } from "../logit.ts";
import { firstInOrder, IDS, largestOf, MAX_KEY, partOf, sum } from "../order.cpu.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleTypicalOperands } from "./typical.ts";
import { ANY_DEVIATION, TYPICAL, TYPICAL_WIDTH } from "./typical-words.ts";

export function sampleTypicalCpu(operands: HostOperands<SampleTypicalOperands>, _: unknown, tokens: number): void {
  const vocab = operands.logits.shape[1];
  const unit = massUnit(vocab);
  for (let row = 0; row < tokens; row++) {
    const words = u32(operands.typical).subarray(row * TYPICAL_WIDTH, (row + 1) * TYPICAL_WIDTH);
    const { typicalP, inverseTemperature } = decodeSettings(u32(operands.settings), row);
    words.set([0, ANY_DEVIATION, vocab - 1]);
    if (typicalP === 0xffffffff) continue;

    const logits = logitRow(operands, row);
    const isKept = keptBy({ cut: operands.cut, settings: operands.settings }, row);
    // A cut always leaves the likeliest.
    const largest = largestOf(logits);
    const masses = new Float64Array(vocab);
    const isLeft = new Uint8Array(vocab);
    let [weights, products] = [0, 0];
    for (let id = 0; id < vocab; id++) {
      const logit = logits[id];
      if (Number.isNaN(logit) || (isKept && !isKept(logit, id))) continue;
      isLeft[id] = 1;
      const weight = logit === largest ? 1 : Math.exp((logit - largest) * inverseTemperature);
      masses[id] = Math.floor(weight * unit);
      weights += weight;
      // What has no weight may lie infinitely far below.
      if (weight > 0 && logit !== largest) products += weight * (logit - largest);
    }
    const center = Math.fround(largest + products / weights);
    // What is not left has no mass, and comes last.
    const keys = new Uint32Array(vocab);
    for (let id = 0; id < vocab; id++) if (isLeft[id] === 1) keys[id] = MAX_KEY - deviationOf(logits[id], center);

    const needed = partOf(sum(masses), typicalP);
    const sorted = firstInOrder(keys, { masses, needed });
    let count = 0;
    for (let mass = 0; mass < needed && count < sorted.length; count++) mass += masses[sorted[count] % IDS];
    words[TYPICAL.center] = new Uint32Array(Float32Array.of(center).buffer)[0];
    words[TYPICAL.deviation] = Math.floor(sorted[count - 1] / IDS);
    words[TYPICAL.id] = sorted[count - 1] % IDS;
  }
}
