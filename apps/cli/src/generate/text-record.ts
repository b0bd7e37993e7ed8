/** A text as far as it has come, and what `--json` says of it. Does not know where tokens come from. */
import type { FinishReason, GeneratedToken } from "@blackmamba/model";
import type { TextTokenizer } from "../library.ts";

/** What is told of one text. */
export interface TextReport {
  /** The continuation alone. */
  readonly text: string;
  /** Ids of the continuation. */
  readonly ids: readonly number[];
  readonly tokens: number;
  readonly finishReason: TextEnd;
  /** With `--logprobs`: of each token. */
  readonly logprobs?: readonly TokenReport[] | undefined;
}

/**
 * `stop`: the model ended the text, or one of `--stop` or `--stop-id` came. `length`: `--max-tokens` were written. `interrupted`:
 * Ctrl-C.
 */
export type TextEnd = FinishReason | "interrupted";

/** How likely a token was, by the model's own logits. */
export interface TokenReport extends TokenChance {
  /** As many as were asked for, the likeliest first. */
  readonly topLogprobs: readonly TokenChance[];
}

/** A token, and the natural logarithm of its probability. */
export interface TokenChance {
  readonly id: number;
  /** The token's own text; of half a character U+FFFD. */
  readonly text: string;
  readonly logprob: number;
}

export class TextRecord {
  readonly #tokenizer: TextTokenizer | undefined;
  readonly #ids: number[] = [];
  #text = "";
  #logprobs: TokenReport[] | undefined;

  constructor(tokenizer: TextTokenizer | undefined) {
    this.#tokenizer = tokenizer;
  }

  get tokens(): number {
    return this.#ids.length;
  }

  get text(): string {
    return this.#text;
  }

  add({ id, text, logprob, topLogprobs = [] }: GeneratedToken): void {
    this.#ids.push(id);
    this.#text += text;
    if (logprob === undefined) return;
    this.#logprobs ??= [];
    const top = topLogprobs.map((other) => this.#chanceOf(other.id, other.logprob));
    this.#logprobs.push({ ...this.#chanceOf(id, logprob), topLogprobs: top });
  }

  report(finishReason: TextEnd): TextReport {
    const logprobs = this.#logprobs && { logprobs: this.#logprobs };
    return { text: this.#text, ids: this.#ids, tokens: this.tokens, finishReason, ...logprobs };
  }

  #chanceOf(id: number, logprob: number): TokenChance {
    return { id, text: this.#tokenizer?.decode([id]) ?? "", logprob };
  }
}
