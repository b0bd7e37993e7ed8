/**
 * Decodes ids one at a time, as a model makes them. Gives the same text as decoding all of them at once, and never
 * half a character; not a way to decode faster.
 */

/** A decoder in the middle of a text. Made by `tokenizer.stream()`. */
export interface TokenStream {
  /** The text that became certain with this id; "" if none did. */
  push(id: number): string;
  /** The text that was held back, as `decode` would end. The stream is spent afterwards: take a new one. */
  flush(): string;
}

/** Options of `decode` and `stream`. */
export interface DecodeOptions {
  /** Leaves out special tokens such as `<|endoftext|>`. Default false: every id gives its text. */
  readonly skipSpecialTokens?: boolean | undefined;
}
