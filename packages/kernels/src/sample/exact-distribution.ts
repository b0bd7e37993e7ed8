/**
 * The distribution that a sampler draws from, from the definitions: sorted, in float64, one option after another. For tests; it shares
 * nothing with the kernels but the names of the settings.
 */
import { COUNT_MASK, ENDS_TEXT, IN_PROMPT } from "./marks.ts";
import type { SampleSettings } from "./settings.ts";

/** What is known of a sequence. */
export interface SequenceMarks {
  /** u32 [vocab]: see `marksOf` */
  readonly marks: Uint32Array;
  readonly bias: readonly (readonly [id: number, bias: number])[];
  /** Ids chosen so far. */
  readonly steps: number;
}

/** The probability of each id. */
export function exactDistribution(
  logits: ArrayLike<number>,
  settings: SampleSettings,
  { marks, bias, steps }: SequenceMarks,
): number[] {
  const adjusted = Array.from(logits, (logit, id) => {
    const count = marks[id] & COUNT_MASK;
    let value = logit + bias.filter(([own]) => own === id).reduce((sum, [, own]) => sum + own, 0);
    if (count > 0 || marks[id] & IN_PROMPT) {
      value = value > 0 ? value / settings.repetitionPenalty : value * settings.repetitionPenalty;
    }
    value -= settings.frequencyPenalty * count + (count > 0 ? settings.presencePenalty : 0);
    return marks[id] & ENDS_TEXT && steps < settings.minTokens ? Number.NEGATIVE_INFINITY : value;
  });
  if (settings.greedy) {
    const best = adjusted.indexOf(Math.max(...adjusted));
    return adjusted.map((_, id) => (id === best ? 1 : 0));
  }
  let p = normalized(adjusted.map((value) => Math.exp((value - Math.max(...adjusted)) / settings.temperature)));
  p = keep(p, (order) => order.slice(0, settings.topK));
  p = keep(p, (order, own) => upTo(order, own, settings.topP));
  p = keep(p, (order, own) => order.filter((id) => own[id] >= settings.minP * Math.max(...own)));
  if (settings.typicalP < 1) p = keep(p, (order, own) => typical(order, own, settings.typicalP));
  return p;
}

function normalized(weights: readonly number[]): number[] {
  const sum = weights.reduce((all, own) => all + own, 0);
  return weights.map((own) => own / sum);
}

/** Leaves only those ids that are chosen of the possible ones, which are given with the likeliest first. */
function keep(p: readonly number[], choose: (order: number[], p: readonly number[]) => number[]): number[] {
  const order = p.map((_, id) => id).filter((id) => p[id] > 0);
  order.sort((a, b) => p[b] - p[a] || a - b);
  const kept = new Set(choose(order, p));
  return normalized(p.map((own, id) => (kept.has(id) ? own : 0)));
}

/** The first that together have a probability of at least `share`. */
function upTo(order: readonly number[], p: readonly number[], share: number): number[] {
  let sum = 0;
  const end = order.findIndex((id) => {
    sum += p[id];
    return sum >= share;
  });
  return order.slice(0, end < 0 ? order.length : end + 1);
}

function typical(order: readonly number[], p: readonly number[], share: number): number[] {
  const entropy = order.reduce((sum, id) => sum - p[id] * Math.log(p[id]), 0);
  const deviation = (id: number) => Math.abs(-Math.log(p[id]) - entropy);
  return upTo(
    [...order].sort((a, b) => deviation(a) - deviation(b)),
    p,
    share,
  );
}
