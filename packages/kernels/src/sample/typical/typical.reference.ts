/**
 * `sampleTypical` in plain loops.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { IMPOSSIBLE } from "../adjust/adjust.ts";
import { keptBy } from "../cut/cut.reference.ts";
import { massHalfBits } from "../cut/cut-words.ts";
import { logitRow } from "../logit.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleTypicalOperands } from "./typical.ts";

/** Stands for "all" in the settings. */
const ALL = 0xffffffff;

/** What is noted of ids that are not left before. */
const NOT_LEFT = 0xffffffff;

export function sampleTypicalReference(
  operands: HostOperands<SampleTypicalOperands>,
  _: unknown,
  tokens: number,
): void {
  const vocab = operands.logits.shape[1];
  const unit = 2 ** (2 * massHalfBits(vocab) - 1);
  for (let row = 0; row < tokens; row++) {
    const { typicalP, inverseTemperature } = decodeSettings(u32(operands.settings), row);
    if (typicalP === ALL) continue;
    const logits = logitRow(operands, row);
    const deviations = u32(operands.deviations).subarray(row * vocab, (row + 1) * vocab);
    const isKept = operands.cut && keptBy(operands, row);
    const isLeft = (id: number) => !Number.isNaN(logits[id]) && (!isKept || isKept(logits[id], id));

    let largest = Number.NEGATIVE_INFINITY;
    for (let id = 0; id < vocab; id++) if (isLeft(id) && logits[id] > largest) largest = logits[id];
    const scaled = (id: number) =>
      logits[id] === largest ? 0 : Math.fround(logits[id] - largest) * inverseTemperature;
    let [weights, products] = [0, 0];
    for (let id = 0; id < vocab; id++) {
      const weight = isLeft(id) ? Math.exp(scaled(id)) : 0;
      if (weight === 0) continue;
      weights += weight;
      products += weight * scaled(id);
    }
    // −log p − H is what the scaled logit lies below their mean.
    const mean = Math.fround(products / weights);

    let total = 0;
    const order: { readonly deviation: number; readonly mass: number }[] = [];
    for (let id = 0; id < vocab; id++) {
      deviations[id] = NOT_LEFT;
      if (!isLeft(id)) continue;
      const deviation = bitsOf(Math.abs(Math.fround(Math.fround(scaled(id)) - mean)));
      const mass = logits[id] === largest ? unit : Math.floor(Math.exp(scaled(id)) * unit);
      deviations[id] = deviation;
      total += mass;
      order.push({ deviation, mass });
    }
    order.sort((a, b) => a.deviation - b.deviation);
    const needed = Math.max(1, Number((BigInt(total) * BigInt(typicalP)) >> 32n));
    let mass = 0;
    const last = order.find((own) => {
      mass += own.mass;
      return mass >= needed;
    });
    const threshold = last?.deviation ?? NOT_LEFT;
    for (let id = 0; id < vocab; id++) if (isLeft(id) && deviations[id] > threshold) logits[id] = IMPOSSIBLE;
  }
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
