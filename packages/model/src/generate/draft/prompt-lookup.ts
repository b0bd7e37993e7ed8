/**
 * Drafts from the text itself ("prompt lookup"): for texts that repeat what was said, such as summaries and code.
 */
import { OptionError } from "../../errors.ts";
import { type Drafter, draftTokens, type LookupDraftOptions } from "./draft.ts";

const DEFAULT_TOKENS = 8;
const DEFAULT_NGRAM = 3;

/** @throws OptionError naming the option */
export function createPromptLookup(options: LookupDraftOptions): Drafter {
  const { ngram = DEFAULT_NGRAM } = options;
  if (!Number.isInteger(ngram) || ngram < 1) {
    throw new OptionError("draft.ngram", "a whole number of at least 1", ngram);
  }
  return {
    tokens: draftTokens(options, DEFAULT_TOKENS),
    propose: async (ids, most) => lookUp(ids, ngram, most),
    dispose: async () => {},
  };
}

/**
 * What followed the last ids where they, or as many of them as possible, were last said before. Where that reaches the end of the text, it
 * goes on with itself: a text that goes in circles has one more.
 */
export function lookUp(ids: Uint32Array, ngram: number, most: number): number[] {
  for (let length = Math.min(ngram, ids.length - 1); length > 0; length--) {
    const last = ids.subarray(ids.length - length);
    for (let start = ids.length - length - 1; start >= 0; start--) {
      if (last.every((id, i) => id === ids[start + i])) return continuation(ids, start + length, most);
    }
  }
  return [];
}

function continuation(ids: Uint32Array, start: number, count: number): number[] {
  const period = ids.length - start;
  return Array.from({ length: count }, (_, i) => Number(ids[start + (i % period)]));
}
