/**
 * How long a pattern of a `tokenizer.json` may search. JavaScript's engine tries one way after another, so that some patterns take
 * longer than anybody waits: `(a+)+$` has twice as many ways for each further letter. Not here: what a pattern matches.
 */

/** Characters in a row that a repetition is taken to find. */
const RUN = 256;

/** Groups within groups; real patterns have two or three. */
const MAX_DEPTH = 32;

/**
 * In how many ways the pattern can be tried at one place of a text, at most, with runs of 256 characters; infinite where it repeats what
 * can itself be done in several ways. The syntax is Oniguruma's, as far as `@huggingface/tokenizers` translates it.
 */
export function patternCost(pattern: string): number {
  const parser = new CostParser(pattern);
  const cost = parser.alternatives(0);
  // What is left begins with a `)` too many, which the engine refuses.
  return parser.isDone() ? cost : Number.POSITIVE_INFINITY;
}

class CostParser {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  isDone(): boolean {
    return this.#at >= this.#pattern.length;
  }

  /** Up to the end of the group: one alternative is tried after the other, within each every way of a part with every of the next. */
  alternatives(depth: number): number {
    if (depth > MAX_DEPTH) return Number.POSITIVE_INFINITY;
    let before = 0;
    let ways = 1;
    while (!this.isDone() && !this.#sees(")")) {
      if (this.#takes("|")) {
        before += ways;
        ways = 1;
      } else {
        ways *= this.#repeated(this.#atom(depth));
      }
    }
    return before + ways;
  }

  #atom(depth: number): number {
    if (this.#takes("[")) return this.#skipClass();
    if (this.#takes("\\")) return this.#skipEscape();
    if (!this.#takes("(")) {
      this.#at++;
      return 1;
    }
    // What kind of group it is does not matter.
    this.#match(/\?(?:<[=!]|<\w+>|[:=!>]|i:)/y);
    const ways = this.alternatives(depth + 1);
    return this.#takes(")") ? ways : Number.POSITIVE_INFINITY;
  }

  /** With the quantifiers that follow. */
  #repeated(atom: number): number {
    let ways = atom;
    let isQuantified = false;
    for (;;) {
      if (this.#takes("*") || this.#takes("+")) {
        // After another quantifier a plus means that nothing is given back, which the library leaves out; so does this.
        if (!isQuantified || this.#pattern[this.#at - 1] === "*") ways = repeat(ways, 0, RUN);
        else if (this.#pattern[this.#at - 2] === "}") ways = repeat(ways, 1, RUN);
      } else if (this.#takes("?")) {
        if (!isQuantified) ways = 1 + ways;
      } else {
        const counts = this.#match(/\{(\d*)(,?)(\d*)\}/y);
        if (!counts || (counts[1] === "" && counts[3] === "")) return ways;
        const least = Number(counts[1]);
        ways = repeat(ways, least, counts[2] === "" ? least : counts[3] === "" ? RUN : Number(counts[3]));
      }
      isQuantified = true;
    }
  }

  /** Classes may lie within classes. */
  #skipClass(): 1 {
    this.#takes("^");
    this.#takes("]");
    for (let depth = 1; depth > 0 && !this.isDone(); ) {
      if (this.#takes("\\")) this.#skipEscape();
      else if (this.#takes("[")) depth++;
      else if (this.#takes("]")) depth--;
      else this.#at++;
    }
    return 1;
  }

  /** After the backslash. */
  #skipEscape(): 1 {
    if (!this.#match(/[pPxu]\{[^}]*\}/y)) this.#at++;
    return 1;
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#at] === character;
  }

  #takes(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at++;
    return true;
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#pattern);
    if (match) this.#at = expression.lastIndex;
    return match;
  }
}

/** Ways of a repetition: one for each number of times, where each time there is one way. */
function repeat(ways: number, least: number, most: number): number {
  if (least === most) return ways ** least;
  if (ways > 1) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(most, RUN) - Math.min(least, RUN) + 1);
}
