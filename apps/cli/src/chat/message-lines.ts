/**
 * Lines to messages: a line that ends in a backslash goes on in the next one, and so do lines between `"""` and `"""`. Nothing else
 * is changed.
 */
import { ChatError } from "../errors.ts";

export interface Message {
  readonly text: string;
  /** Whether it is text even where it begins like a command: it was quoted, or has several lines. */
  readonly isLiteral: boolean;
}

const QUOTES = '"""';

export class MessageLines {
  #lines: string[] = [];
  #isQuoted = false;

  /** Whether the message goes on in the next line. */
  get isOpen(): boolean {
    return this.#lines.length > 0;
  }

  /**
   * @param entry - a line, or several at once that were pasted
   * @returns the message that it ends
   */
  push(entry: string): Message | undefined {
    const isFirst = this.#lines.length === 0;
    if (isFirst && entry.startsWith(QUOTES)) {
      this.#isQuoted = true;
      return this.#pushQuoted(entry.slice(QUOTES.length));
    }
    if (this.#isQuoted) return this.#pushQuoted(entry);
    // Two at the end are one, and nothing goes on.
    if (entry.endsWith("\\\\")) return this.#end(entry.slice(0, -1));
    if (!entry.endsWith("\\")) return this.#end(entry);
    this.#lines.push(entry.slice(0, -1));
    return undefined;
  }

  /**
   * The message that is open when no more lines come.
   *
   * @throws ChatError where quotes are open, as that is a mistake
   */
  end(): Message | undefined {
    if (this.#isQuoted) {
      throw new ChatError(`expected ${QUOTES} at the end of a text that begins with it, found no more lines`);
    }
    if (!this.isOpen) return undefined;
    const last = this.#lines.pop() as string;
    return this.#end(last);
  }

  /** Takes back what is not yet a message. */
  clear(): void {
    this.#lines = [];
    this.#isQuoted = false;
  }

  #pushQuoted(entry: string): Message | undefined {
    if (entry.endsWith(QUOTES)) return this.#end(entry.slice(0, -QUOTES.length));
    this.#lines.push(entry);
    return undefined;
  }

  #end(entry: string): Message {
    const text = [...this.#lines, entry].join("\n");
    const isLiteral = this.#isQuoted || text.includes("\n");
    this.clear();
    return { text, isLiteral };
  }
}
