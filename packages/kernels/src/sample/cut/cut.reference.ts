/**
 * `sampleCut` in plain loops.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { keyOf } from "../key.ts";
import { logitRow } from "../logit.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleCutOperands } from "./cut.ts";
import { CUT, CUT_WIDTH, massUnit } from "./cut-words.ts";

/** More than any id. Key and id of one number: with 32 bits of key it stays exact. */
const IDS = 2 ** 21;

export function sampleCutReference(operands: HostOperands<SampleCutOperands>, _: unknown, tokens: number): void {
  const cuts = u32(operands.cut);
  const vocab = operands.logits.shape[1];
  const unit = massUnit(vocab);
  for (let row = 0; row < tokens; row++) {
    const { topK, topP, inverseTemperature } = decodeSettings(u32(operands.settings), row);
    const logits = logitRow(operands, row);
    let largest = Number.NEGATIVE_INFINITY;
    for (let id = 0; id < vocab; id++) if (logits[id] > largest) largest = logits[id];

    let last = { key: 0, id: vocab - 1 };
    let left = vocab;
    if (topK < vocab || topP < 0xffffffff) {
      // Sorted as numbers, which is many times faster than with a function that compares.
      const order = Float64Array.from(logits, (logit, id) => (0xffffffff - keyOf(logit)) * IDS + id).sort();
      const at = (index: number) => ({ key: 0xffffffff - Math.floor(order[index] / IDS), id: order[index] % IDS });
      const cutAfter = (count: number) => {
        const [end, next] = [at(count - 1), count < left ? at(count) : undefined];
        // Where no other of this logit is to be left out, the id does not matter.
        if (next?.key !== end.key) end.id = end.key === last.key ? last.id : vocab - 1;
        last = end;
        left = count;
      };

      if (topK < vocab) cutAfter(topK);
      if (topP < 0xffffffff) {
        const massOf = (index: number) => {
          const logit = logits[order[index] % IDS];
          return logit === largest ? unit : Math.floor(Math.exp((logit - largest) * inverseTemperature) * unit);
        };
        let total = 0;
        for (let i = 0; i < left; i++) total += massOf(i);
        const needed = Math.max(1, Number((BigInt(total) * BigInt(topP)) >> 32n));
        let count = 0;
        for (let mass = 0; mass < needed && count < left; count++) mass += massOf(count);
        cutAfter(count);
      }
    }
    cuts[row * CUT_WIDTH + CUT.key] = last.key;
    cuts[row * CUT_WIDTH + CUT.id] = last.id;
    cuts[row * CUT_WIDTH + CUT.largest] = bitsOf(largest);
  }
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
