/** Tokens between the scheduler that makes them and one who reads them at a pace of their own. */
import type { TextReader } from "./batch-text.ts";
import type { GeneratedToken, GenerateResult } from "./token.ts";

/** A reader's end is an async generator. */
export class TokenQueue<T extends GeneratedToken = GeneratedToken> implements TextReader {
  #tokens: T[] = [];
  #result: GenerateResult | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake = () => {};

  push(tokens: readonly T[]): void {
    this.#tokens.push(...tokens);
    this.#wake();
  }

  end(result: GenerateResult): void {
    this.#result = result;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** What comes, until the end; throws what has failed at once. */
  async *read(): AsyncGenerator<T, GenerateResult, undefined> {
    for (;;) {
      this.#throwFailure();
      const tokens = this.#tokens;
      this.#tokens = [];
      for (const token of tokens) {
        yield token;
        this.#throwFailure();
      }
      if (this.#tokens.length > 0) continue;
      if (this.#result) return this.#result;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#tokens.length > 0 || this.#result || this.#failure) resolve();
      });
    }
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
