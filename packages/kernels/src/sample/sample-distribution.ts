/**
 * The distribution that a sampler draws from, from the definitions: sorted, in float64, one option after another. For tests and for looking
 * at what options do; it shares nothing with the kernels but the names of the settings and the bits of marks.
 */
import { COUNT_MASK, ENDS_TEXT, IN_PROMPT } from "./marks.ts";
import type { SampleSettings } from "./settings.ts";

/** The text so far. */
export interface SampledText {
  /** u32 [vocab]: see `marksOf`. Default nothing. */
  readonly marks?: ArrayLike<number> | undefined;
  /** f32 [vocab]: what is added to logits, where the settings say so; −∞ bans an id. Default nothing. */
  readonly bias?: ArrayLike<number> | undefined;
  /** Ids chosen so far. Default 0. */
  readonly steps?: number | undefined;
}

/**
 * The probability with which a sampler chooses each id.
 *
 * @param logits - [vocab]
 * @returns [vocab]
 */
export function sampleDistribution(
  logits: ArrayLike<number>,
  settings: SampleSettings,
  { marks, bias, steps = 0 }: SampledText = {},
): number[] {
  const adjusted = Array.from(logits, (logit, id) => {
    const mark = marks?.[id] ?? 0;
    const count = mark & COUNT_MASK;
    const added = (settings.hasBias && bias?.[id]) || 0;
    let value = logit + added;
    if (count > 0 || mark & IN_PROMPT) {
      value = value > 0 ? value / settings.repetitionPenalty : value * settings.repetitionPenalty;
    }
    value -= settings.frequencyPenalty * count + (count > 0 ? settings.presencePenalty : 0);
    return mark & ENDS_TEXT && steps < settings.minTokens ? Number.NEGATIVE_INFINITY : value;
  });
  const largest = adjusted.reduce((a, b) => Math.max(a, b));
  if (settings.greedy) return adjusted.map((_, id) => (id === adjusted.indexOf(largest) ? 1 : 0));
  let p = normalized(adjusted.map((value) => Math.exp((value - largest) / settings.temperature)));
  p = keep(p, (order) => order.slice(0, settings.topK));
  p = keep(p, (order, own) => upTo(order, own, settings.topP));
  p = keep(p, (order, own) => order.filter((id) => own[id] >= settings.minP * own[order[0]]));
  return keep(p, (order, own) => upTo(typicalFirst(order, own), own, settings.typicalP));
}

function normalized(weights: readonly number[]): number[] {
  const sum = weights.reduce((all, own) => all + own, 0);
  return weights.map((own) => own / sum);
}

/** Leaves only those ids that are chosen of the possible ones, which are given with the likeliest first. */
function keep(p: readonly number[], choose: (order: number[], p: readonly number[]) => readonly number[]): number[] {
  const order = p.map((_, id) => id).filter((id) => p[id] > 0);
  order.sort((a, b) => p[b] - p[a] || a - b);
  const kept = new Set(choose(order, p));
  return normalized(p.map((own, id) => (kept.has(id) ? own : 0)));
}

/** The first that together have a probability of at least `share`; all where it is 1. */
function upTo(order: readonly number[], p: readonly number[], share: number): readonly number[] {
  if (share === 1) return order;
  let sum = 0;
  const end = order.findIndex((id) => {
    sum += p[id];
    return sum >= share;
  });
  return order.slice(0, end < 0 ? order.length : end + 1);
}

/** The ids that say about as much as is to be expected, the entropy, first. */
function typicalFirst(order: readonly number[], p: readonly number[]): number[] {
  const entropy = order.reduce((sum, id) => sum - p[id] * Math.log(p[id]), 0);
  const deviation = (id: number) => Math.abs(-Math.log(p[id]) - entropy);
  return [...order].sort((a, b) => deviation(a) - deviation(b) || a - b);
}
