/**
 * `sampleAdjust` in plain loops.
 */
import { f32, type HostOperands, u32 } from "@blackmamba/tensor";
import { COUNT_MASK, ENDS_TEXT, IMPOSSIBLE } from "../marks.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleAdjustOperands } from "./adjust.ts";

export function sampleAdjustReference(operands: HostOperands<SampleAdjustOperands>, _: unknown, tokens: number): void {
  const [logits, bias] = [f32(operands.logits), f32(operands.bias)];
  const [marks, steps] = [u32(operands.marks), u32(operands.steps)];
  const vocab = operands.logits.shape[1];
  for (let row = 0; row < tokens; row++) {
    const settings = decodeSettings(u32(operands.settings), row);
    const { penalty, inversePenalty, frequencyPenalty, presencePenalty } = settings;
    const isTooEarly = steps[row] < settings.minTokens;
    for (let at = row * vocab; at < (row + 1) * vocab; at++) {
      const mark = marks[at];
      const count = mark & COUNT_MASK;
      let value = settings.hasBias ? Math.fround(logits[at] + bias[at]) : logits[at];
      if ((mark & ~ENDS_TEXT) !== 0) value = Math.fround(value * (value > 0 ? inversePenalty : penalty));
      if (count > 0) {
        const taken = Math.fround(Math.fround(frequencyPenalty * count) + presencePenalty);
        value = Math.fround(value - taken);
      }
      const isBanned = settings.hasBias && bias[at] <= IMPOSSIBLE;
      const isEarly = (mark & ENDS_TEXT) !== 0 && isTooEarly;
      logits[at] = (isBanned || isEarly) && !Number.isNaN(value) ? IMPOSSIBLE : Math.max(value, IMPOSSIBLE);
    }
  }
}
