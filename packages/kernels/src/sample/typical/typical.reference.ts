/**
 * `sampleTypical` in plain loops.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { massUnit } from "../cut/cut-words.ts";
import { deviationOf, keptBy } from "../kept.ts";
import { logitRow } from "../logit.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleTypicalOperands } from "./typical.ts";
import { ANY_DEVIATION, TYPICAL, TYPICAL_WIDTH } from "./typical-words.ts";

/** More than any id. Deviation and id of one number: with 32 bits of deviation it stays exact. */
const IDS = 2 ** 21;

export function sampleTypicalReference(
  operands: HostOperands<SampleTypicalOperands>,
  _: unknown,
  tokens: number,
): void {
  const vocab = operands.logits.shape[1];
  const unit = massUnit(vocab);
  for (let row = 0; row < tokens; row++) {
    const words = u32(operands.typical).subarray(row * TYPICAL_WIDTH, (row + 1) * TYPICAL_WIDTH);
    const { typicalP, inverseTemperature } = decodeSettings(u32(operands.settings), row);
    words.set([0, ANY_DEVIATION, vocab - 1]);
    if (typicalP === 0xffffffff) continue;

    const logits = logitRow(operands, row);
    const isKept = keptBy({ cut: operands.cut, settings: operands.settings }, row);
    const left: number[] = [];
    for (let id = 0; id < vocab; id++) {
      if (!Number.isNaN(logits[id]) && (!isKept || isKept(logits[id], id))) left.push(id);
    }
    let largest = Number.NEGATIVE_INFINITY;
    for (const id of left) if (logits[id] > largest) largest = logits[id];
    const weightOf = (id: number) =>
      logits[id] === largest ? 1 : Math.exp((logits[id] - largest) * inverseTemperature);

    let [weights, products, total] = [0, 0, 0];
    for (const id of left) {
      const weight = weightOf(id);
      weights += weight;
      // What has no weight may lie infinitely far below.
      if (weight > 0 && logits[id] !== largest) products += weight * (logits[id] - largest);
      total += Math.floor(weight * unit);
    }
    const center = Math.fround(largest + products / weights);

    // Sorted as numbers, which is many times faster than with a function that compares.
    const order = Float64Array.from(left, (id) => deviationOf(logits[id], center) * IDS + id).sort();
    const needed = Math.max(1, Number((BigInt(total) * BigInt(typicalP)) >> 32n));
    let count = 0;
    for (let mass = 0; mass < needed && count < order.length; count++) {
      mass += Math.floor(weightOf(order[count] % IDS) * unit);
    }
    const last = order[count - 1];
    words[TYPICAL.center] = new Uint32Array(Float32Array.of(center).buffer)[0];
    words[TYPICAL.deviation] = Math.floor(last / IDS);
    words[TYPICAL.id] = last % IDS;
  }
}
