/** Where a chat's lines come from: a terminal (`terminal-input.ts`), or a pipe or file, which is here. */
import { StreamError } from "../errors.ts";
import { abortable, type Io } from "../io.ts";

/** What comes next. */
export type ChatEntry =
  /** A line, or several that were pasted at once. */
  | { readonly kind: "text"; readonly text: string }
  /** Ctrl-C while nothing was being answered; whether it took back something typed. */
  | { readonly kind: "interrupt"; readonly tookBack: boolean }
  | { readonly kind: "end" };

export interface ChatInput {
  /** Whether somebody types: then there are prompts, and mistakes do not end the chat. */
  readonly isInteractive: boolean;
  next(prompt: string): Promise<ChatEntry>;
  /** Runs something that Ctrl-C ends, and not the program. */
  interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>;
  close(): void;
}

/** Lines of a pipe or a file. Ctrl-C ends the program. */
export function createPipeInput({ stdin, signal }: Pick<Io, "stdin" | "signal">): ChatInput {
  const lines = linesOf(stdin);
  return {
    isInteractive: false,
    async next() {
      const { done, value } = await abortable(lines.next(), signal);
      return done === true ? { kind: "end" } : { kind: "text", text: value };
    },
    interruptible: (run) => run(signal),
    close() {},
  };
}

async function* linesOf(stdin: Io["stdin"]): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let count = 0;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw new StreamError(
        `standard input: expected UTF-8 text, found other bytes after line ${count}; convert it with iconv`,
        { cause },
      );
    }
  };
  for await (const chunk of read(stdin)) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      count += 1;
      yield line.replace(/\r$/, "");
    }
  }
  rest += decode();
  if (rest !== "") yield rest;
}

async function* read(stdin: Io["stdin"]): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stdin) yield Buffer.from(chunk);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StreamError(`standard input: expected lines, found it cannot be read (${reason})`, { cause });
  }
}
