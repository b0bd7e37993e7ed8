/** Ids of a context and of what continues it, cut where lm-evaluation-harness cuts them. */
import type { EvalTokenizer } from "./eval-model.ts";
import { lengthBeforeWhiteSpace } from "./white-space.ts";

/** What a model reads, and what it is asked about. */
export interface EncodedPair {
  /** At least one id. */
  readonly context: readonly number[];
  readonly continuation: readonly number[];
}

/**
 * Encodes a context and its continuation. White space at the context's end goes to the continuation, as tokens begin with it; then the
 * continuation is what the ids of both have beyond as many as the context alone has. As `_encode_pair` and `loglikelihood` of
 * `TemplateLM` in lm-evaluation-harness, `lm_eval/api/model.py`.
 *
 * @param start - the id from which a text begins that has nothing before the continuation
 */
export async function encodePair(
  tokenizer: EvalTokenizer,
  context: string,
  continuation: string,
  start: number,
): Promise<EncodedPair> {
  const length = lengthBeforeWhiteSpace(context);
  // The tokenizer's start token only where its model was trained with it: as `tok_encode` has it.
  const prefix = tokenizer.addBosToken ? [start] : [];
  const whole = [...prefix, ...(await tokenizer.encode(context + continuation))];
  const before = [...prefix, ...(await tokenizer.encode(context.slice(0, length)))];
  return { context: before.length > 0 ? before : [start], continuation: whole.slice(before.length) };
}
