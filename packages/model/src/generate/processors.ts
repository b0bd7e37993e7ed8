/**
 * What a caller does to logits before an id is chosen, and what is kept of them for log-probabilities.
 */
import { OptionError } from "../errors.ts";
import type { Look } from "../forward/choose.ts";
import { logprobOf, logTotal, topLogprobs } from "../logprobs.ts";
import type { TokenIds } from "../token-ids.ts";
import type { TokenFacts } from "./token.ts";

/** Where in the text a {@link LogitProcessor} is called. */
export interface LogitContext {
  /** The prompt and what was chosen so far; a view that is good during the call. */
  readonly ids: Uint32Array;
  /** How many of these are the prompt's. */
  readonly promptLength: number;
}

/**
 * Changes logits [vocab] in place before an id is chosen of them, on the host: for what no option does, such as a grammar. It sees them
 * as the model made them, or as the processor before has left them; bias, penalties and all else come after. `-Infinity` makes
 * an id impossible.
 */
export type LogitProcessor = (logits: Float32Array, context: LogitContext) => void | Promise<void>;

/** Options about single logits. */
export interface LogitOptions {
  /**
   * Tells of each token how likely it was, and of so many likeliest ids as well: 0 to 20. The logits are read for each token, which
   * takes time on a GPU. Default: nothing of that.
   */
  readonly logprobs?: number | undefined;
  /** Called in this order for each token. The device waits for them, and does not run ahead. */
  readonly logitProcessors?: readonly LogitProcessor[] | undefined;
}

/** Most likeliest ids: as many as OpenAI's interface gives. */
const MAX_TOP_LOGPROBS = 20;

/** What the host does with the logits of one text. */
export class LogitWork {
  readonly #top: number | undefined;
  readonly #processors: readonly LogitProcessor[];

  /** @throws OptionError naming the option */
  constructor({ logprobs, logitProcessors = [] }: LogitOptions) {
    const isTop = Number.isInteger(logprobs) && (logprobs as number) >= 0 && (logprobs as number) <= MAX_TOP_LOGPROBS;
    if (logprobs !== undefined && !isTop) {
      throw new OptionError("logprobs", `a whole number from 0 to ${MAX_TOP_LOGPROBS}`, logprobs);
    }
    if (!Array.isArray(logitProcessors) || logitProcessors.some((processor) => typeof processor !== "function")) {
      throw new OptionError("logitProcessors", "an array of functions", String(logitProcessors));
    }
    this.#top = logprobs;
    this.#processors = logitProcessors;
  }

  /** Whether the host has to see the logits of each token. */
  get isNeeded(): boolean {
    return this.#top !== undefined || this.#processors.length > 0;
  }

  /** How many likeliest ids are told of each token; `undefined` for no log-probabilities. */
  get top(): number | undefined {
    return this.#top;
  }

  /** What has to be done with the logits of the id after these; `undefined` where that is nothing. */
  look(ids: TokenIds, promptLength: number): Look | undefined {
    const isWanted = this.#top !== undefined;
    if (this.#processors.length === 0) return isWanted ? { isWanted } : undefined;
    return {
      isWanted,
      change: async (logits) => {
        for (const processor of this.#processors) await processor(logits, { ids: ids.all, promptLength });
      },
    };
  }

  /** What is told of an id that was chosen of these logits. */
  facts(id: number, logits: Float32Array | undefined): TokenFacts {
    if (this.#top === undefined || !logits) return { id };
    const total = logTotal(logits);
    return { id, logprob: logprobOf(logits, id, total), topLogprobs: topLogprobs(logits, this.#top, total) };
  }
}
