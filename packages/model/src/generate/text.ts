/**
 * Ids into text as it becomes certain, up to a stop string. Knows nothing of models.
 */
import type { TokenStream } from "@blackmamba/tokenizer";
import type { GeneratedToken, TokenFacts } from "./token.ts";

/** An id that was not yet told: it says `from` to `to` of the text. */
interface WaitingId {
  readonly facts: TokenFacts;
  readonly from: number;
  readonly to: number;
}

/** The text of one sequence, as its ids come. */
export class GeneratedText {
  readonly #stream: TokenStream | undefined;
  readonly #stops: readonly string[];
  #waiting: WaitingId[] = [];
  /** The text of those that wait, and where in the whole text it begins. */
  #held = "";
  #heldFrom = 0;
  #stopped = false;

  /**
   * @param stream - left out: ids without text
   * @param stops - the text ends before the first of these that comes
   */
  constructor(stream: TokenStream | undefined, stops: readonly string[] = []) {
    this.#stream = stream;
    this.#stops = stops;
  }

  /** Whether a stop string has come: the text has ended. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** The tokens that are certain with this one. */
  push(facts: TokenFacts): GeneratedToken[] {
    if (!this.#stream) return [{ ...facts, text: "" }];
    const from = this.#heldFrom + this.#held.length;
    this.#held += this.#stream.push(facts.id);
    this.#waiting.push({ facts, from, to: this.#heldFrom + this.#held.length });
    return this.#tellUpTo(this.#held.length - openLength(this.#held, this.#stops));
  }

  /** The tokens that were held back, once no more come. */
  end(): GeneratedToken[] {
    const last = this.#waiting.pop();
    if (!last) return [];
    // Half a character is no text.
    this.#held += this.#stream?.flush().replace(/\uFFFD+$/, "") ?? "";
    this.#waiting.push({ ...last, to: this.#heldFrom + this.#held.length });
    return this.#tellUpTo(Number.POSITIVE_INFINITY);
  }

  /** Tells the ids whose text lies within the first `length` characters that are held, or before a stop string. */
  #tellUpTo(length: number): GeneratedToken[] {
    const stop = stopIndex(this.#held, this.#stops);
    this.#stopped = stop >= 0;
    const end = this.#heldFrom + (this.#stopped ? stop : length);
    const isTold = ({ from, to }: WaitingId) => from < end && (to <= end || this.#stopped);
    const told = this.#waiting.filter(isTold);
    const tokens = told.map(({ facts, from, to }) => ({ ...facts, text: this.#slice(from, Math.min(to, end)) }));
    const toldTo = told.at(-1)?.to ?? this.#heldFrom;
    this.#waiting = this.#waiting.slice(told.length);
    this.#held = this.#held.slice(toldTo - this.#heldFrom);
    this.#heldFrom = toldTo;
    return tokens;
  }

  #slice(from: number, to: number): string {
    return this.#held.slice(from - this.#heldFrom, to - this.#heldFrom);
  }
}

/** Where the first stop string begins; -1 where there is none. */
function stopIndex(text: string, stops: readonly string[]): number {
  const found = stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
  return found.length > 0 ? Math.min(...found) : -1;
}

/** How many characters at the end of a text may be the beginning of a stop string. */
function openLength(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
