/**
 * What a generation tells of each token, and at its end.
 */

import type { TokenLogprob } from "../logprobs.ts";
import type { DraftStatistics } from "./draft/draft.ts";

/** One token. */
export interface GeneratedToken {
  readonly id: number;
  /**
   * The text that became certain with this token; empty where it ends within a character, or where what it says may be the
   * beginning of a stop string. Joined together these are the text of all ids, less half a character that the last ones may
   * have left, and less what begins with a stop string.
   */
  readonly text: string;
  /**
   * Its probability's natural logarithm, by the model's own logits: before bias, penalties and temperature. Only with the option
   * `logprobs`, and not of a prompt's first token, which nothing goes before.
   */
  readonly logprob?: number | undefined;
  /** With the option `logprobs`: the likeliest ids, the likeliest first. */
  readonly topLogprobs?: readonly TokenLogprob[] | undefined;
  /** True of the prompt's tokens, which come with the option `echo`. */
  readonly isPrompt?: true | undefined;
}

/** A token less its text. */
export type TokenFacts = Omit<GeneratedToken, "text">;

/** Why a text ended: `"stop"` at an id or a string that ends it, `"length"` after `maxTokens`. */
export type FinishReason = "stop" | "length";

/** What a generation returns at its end. */
export interface GenerateResult {
  readonly finishReason: FinishReason;
  /** With the option `draft`: how well the drafts did. */
  readonly draft?: DraftStatistics | undefined;
}
