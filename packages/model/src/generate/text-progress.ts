/**
 * Ids into told tokens, until the text ends. Knows nothing of where ids come from.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { TextLimits } from "./limits.ts";
import type { LogitWork } from "./processors.ts";
import { checkChosen } from "./sampling.ts";
import { GeneratedText } from "./text.ts";
import type { FinishReason, GeneratedToken } from "./token.ts";

/** What an id has brought. */
export interface Accepted {
  /** The id, where it is a part of the text. */
  readonly id: number | undefined;
  /** The tokens that are certain with it. */
  readonly tokens: readonly GeneratedToken[];
  /** Why the text ends here, if it does. */
  readonly finishReason: FinishReason | undefined;
}

/** How far a text has come. */
export class TextProgress {
  readonly #limits: TextLimits;
  readonly #logitWork: LogitWork;
  readonly #text: GeneratedText;
  #taken = 0;
  #told = 0;

  constructor(tokenizer: Tokenizer | undefined, limits: TextLimits, logitWork: LogitWork) {
    this.#limits = limits;
    this.#logitWork = logitWork;
    this.#text = new GeneratedText(tokenizer?.stream(), limits.stops);
  }

  /** Ids that are a part of the text. */
  get taken(): number {
    return this.#taken;
  }

  /** Tokens that {@link accept} has given. */
  get told(): number {
    return this.#told;
  }

  /**
   * Takes the next id.
   *
   * @param chosen - as the sampler writes it
   * @param logits - what it was chosen of, where that is wanted
   * @throws NumericError where the sampler has found a logit that is no number
   */
  accept(chosen: number, logits: Float32Array | undefined): Accepted {
    const id = checkChosen(chosen);
    if (this.#limits.ends.has(id)) return this.#give(undefined, this.#text.end(), "stop");
    const tokens = this.#text.push(this.#logitWork.facts(id, logits));
    this.#taken += 1;
    if (this.#text.stopped) return this.#give(id, tokens, "stop");
    if (this.#taken < this.#limits.maxTokens) return this.#give(id, tokens, undefined);
    return this.#give(id, [...tokens, ...this.#text.end()], "length");
  }

  #give(id: number | undefined, tokens: GeneratedToken[], finishReason: FinishReason | undefined): Accepted {
    this.#told += tokens.length;
    return { id, tokens, finishReason };
  }
}
