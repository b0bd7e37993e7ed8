/**
 * A prompt's tokens, told as those that are generated.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { Scores } from "../score.ts";
import { GeneratedText } from "./text.ts";
import type { GeneratedToken } from "./token.ts";

/**
 * The tokens of a prompt.
 *
 * @param scores - where log-probabilities are asked for
 */
export function echoTokens(
  ids: ArrayLike<number>,
  tokenizer: Tokenizer | undefined,
  scores: Scores | undefined,
): GeneratedToken[] {
  const text = new GeneratedText(tokenizer?.stream());
  const tokens = Array.from(ids, (id, index) => {
    const logprob = scores?.logprobs[index] ?? Number.NaN;
    // Nothing goes before the first of a text.
    const facts = Number.isNaN(logprob) ? {} : { logprob, topLogprobs: scores?.topLogprobs?.[index] ?? [] };
    return text.push({ id, isPrompt: true, ...facts });
  });
  return [...tokens.flat(), ...text.end()];
}
