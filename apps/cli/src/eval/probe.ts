/**
 * What tells models apart: how likely each finds the words of one sentence. Other weights, another tokenizer or another precision say
 * something else; the same model on another device says the same but for rounding.
 */
import type { Model } from "../library.ts";

const SENTENCE = "Once upon a time, in 1984, a naïve snake read the news: it was 7 p.m. and 20 °C.";

/** Between devices, in nats for each token. Other weights are off by more on some token, also those of the next step of a training. */
const TOLERANCE = 0.02;

/** ln p of each token of the sentence but the first, to six digits. */
export async function probeModel(model: Model, signal: AbortSignal): Promise<number[]> {
  const ids = (await model.tokenizer?.encode(SENTENCE)) ?? [];
  const { logprobs } = await model.score(ids, { signal });
  return [...logprobs.subarray(1)].map((logprob) => Number(logprob.toFixed(6)));
}

/** Whether two probes are of the same model. */
export function isSameModel(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((logprob, t) => Math.abs(logprob - Number(other[t])) <= TOLERANCE);
}
