/**
 * Log-probabilities of ids, from their logits: logit − log Σ exp(logit), summed in float64. For one row of logits at a time; what
 * makes rows is in `score.ts` and in the model.
 */
import { NumericError, PromptError } from "./errors.ts";

/** An id, and the natural logarithm of its probability. */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/**
 * log Σ exp(logit): what all log-probabilities of a row lie below its logits. Computed once, it serves several of its ids.
 *
 * @param logits - [vocab]; −∞ is an id that cannot come
 * @throws NumericError where one is NaN or ∞, or all are −∞
 */
export function logTotal(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit > largest) largest = logit;
  }
  // Less the largest, so that no power is beyond a float64. What is no number makes the sum none.
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp((logits[id] as number) - largest);
  if (Number.isFinite(sum)) return largest + Math.log(sum);
  const wrong = logits.findIndex((logit) => !(logit < Number.POSITIVE_INFINITY));
  throw new NumericError(
    wrong >= 0
      ? `the logit of id ${wrong} is ${logits[wrong]}: are the weights damaged?`
      : "all logits are -Infinity, so that no id can come: were all of them ruled out?",
  );
}

/**
 * The natural logarithm of an id's probability.
 *
 * @param logits - [vocab], such as `state.advance` gives them, or a row of `model.logits`
 * @param total - what {@link logTotal} says of them, where that is known
 * @throws NumericError for logits that are no numbers; PromptError for an id that the vocabulary does not have
 */
export function logprobOf(logits: Float32Array, id: number, total = logTotal(logits)): number {
  const logit = logits[id];
  if (logit === undefined) throw new PromptError(`token id ${id}: expected one from 0 to ${logits.length - 1}`);
  return logit - total;
}

/** Whether no id is likelier; of equal ones the first is it. */
export function isLikeliest(logits: Float32Array, id: number): boolean {
  const own = logits[id] as number;
  for (let other = 0; other < logits.length; other++) {
    const logit = logits[other] as number;
    if (logit > own || (logit === own && other < id)) return false;
  }
  return true;
}

/**
 * The likeliest ids, with the natural logarithms of their probabilities, the likeliest first; of equal ones the lower id.
 *
 * @param logits - [vocab]
 * @param count - how many; all there are where that is fewer
 * @param total - what {@link logTotal} says of them, where that is known
 * @throws NumericError for logits that are no numbers
 */
export function topLogprobs(logits: Float32Array, count: number, total = logTotal(logits)): TokenLogprob[] {
  // The best so far, in order. Few of a vocabulary get in, so that each finds its place by a walk from the end.
  const best: number[] = [];
  const logitAt = (place: number) => logits[best[place] as number] as number;
  for (let id = 0; id < logits.length && count > 0; id++) {
    const logit = logits[id] as number;
    if (best.length === count) {
      if (logit <= logitAt(count - 1)) continue;
      best.pop();
    }
    let place = best.length;
    while (place > 0 && logit > logitAt(place - 1)) place -= 1;
    best.splice(place, 0, id);
  }
  return best.map((id) => ({ id, logprob: (logits[id] as number) - total }));
}
