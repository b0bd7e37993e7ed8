/**
 * Drafts: guesses at how a text goes on, which one run of the model over all of them confirms or not (speculative decoding, arXiv
 * 2211.17192). What the text says does not depend on them: the model chooses each id itself, with the random numbers that it would have
 * used anyway, and a draft is right where it has the same.
 */
import type { BlackMamba } from "../../blackmamba.ts";
import { OptionError } from "../../errors.ts";
import { MAX_VERIFIED_TOKENS } from "../../forward/verifier.ts";

/** Drafts of a smaller model. */
export interface ModelDraftOptions {
  /** With the same vocabulary. It is not disposed with the text. */
  readonly model: BlackMamba;
  /** Tokens of a draft: 1 to 16. Default 4. */
  readonly tokens?: number | undefined;
}

/** Drafts from the text itself: where its last tokens were said before, it may go on as it did there. */
export interface LookupDraftOptions {
  readonly lookup: true;
  /** Most last tokens that are looked for; then fewer, down to one. Default 3. */
  readonly ngram?: number | undefined;
  /** Tokens of a draft: 1 to 16. Default 8. */
  readonly tokens?: number | undefined;
}

/** How drafts are made. */
export type DraftOptions = ModelDraftOptions | LookupDraftOptions;

/** Makes drafts of one text. */
export interface Drafter {
  /** Tokens of a draft at most. */
  readonly tokens: number;
  /** Guesses at what follows these ids, at most so many; none where it has no idea. */
  propose(ids: Uint32Array, most: number): Promise<ArrayLike<number>>;
  dispose(): Promise<void>;
}

/** How well a text's drafts did. */
export interface DraftStatistics {
  /** Tokens that were drafted. */
  readonly proposed: number;
  /** Those of them that the model has confirmed. */
  readonly accepted: number;
  /** Runs of the model, each of which has brought one token and those that were confirmed. */
  readonly runs: number;
}

/** How many tokens drafts have. */
export function draftTokens({ tokens }: DraftOptions, byDefault: number): number {
  const count = tokens ?? byDefault;
  const most = MAX_VERIFIED_TOKENS - 1;
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  throw new OptionError("draft.tokens", `a whole number from 1 to ${most}`, tokens);
}
