/**
 * Lines that somebody types, on node:readline: editing, history, Ctrl-C and Ctrl-D, and pasted text as one entry.
 *
 * What is typed during an answer is kept but not shown, so that it does not mix with the answer; it appears with the next prompt.
 */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { abortable, type Io } from "../io.ts";
import type { ChatEntry, ChatInput } from "./chat-input.ts";

/** The terminal then says where pasted text begins and ends. */
const BRACKETED_PASTE = { on: "\x1b[?2004h", off: "\x1b[?2004l" };

/** How a line of pasted text begins that others follow. */
const PASTED_PROMPT = "… ";

export function createTerminalInput({
  stdin,
  stdout,
  env,
  signal,
}: Pick<Io, "stdin" | "stdout" | "env" | "signal">): ChatInput {
  const marksPastes = env["TERM"] !== "dumb";
  const screen = new Screen(stdout);
  const lines = createInterface({
    input: stdin,
    output: screen,
    terminal: true,
    historySize: 1000,
    removeHistoryDuplicates: true,
  });
  const queue: ChatEntry[] = [];
  let wake: (() => void) | undefined;
  let pasted: string[] = [];
  let isPasting = false;
  let answering: AbortController | undefined;
  let isClosed = false;

  const deliver = (entry: ChatEntry): void => {
    queue.push(entry);
    screen.isShown = false;
    wake?.();
  };
  const onKeypress = (_: unknown, key: { readonly name?: string } | undefined): void => {
    if (key?.name === "paste-start") isPasting = true;
    if (key?.name === "paste-end") isPasting = false;
  };
  lines.on("line", (line) => {
    pasted.push(line);
    if (isPasting) {
      lines.setPrompt(PASTED_PROMPT);
      lines.prompt();
      return;
    }
    const text = pasted.join("\n");
    pasted = [];
    deliver({ kind: "text", text });
  });
  lines.on("SIGINT", () => {
    if (answering) {
      answering.abort();
      return;
    }
    const tookBack = lines.line !== "" || pasted.length > 0;
    pasted = [];
    isPasting = false;
    // It stays where it is to be seen, but is no longer what is being typed: to its end, and then all before it.
    lines.write(null, { ctrl: true, name: "e" });
    screen.write("^C\n");
    screen.isShown = false;
    lines.write(null, { ctrl: true, name: "u" });
    deliver({ kind: "interrupt", tookBack });
  });
  lines.on("close", () => {
    if (isClosed) return;
    // Ctrl-D leaves the prompt without an end.
    screen.write("\n");
    close();
    deliver({ kind: "end" });
  });
  stdin.on("keypress", onKeypress);
  if (marksPastes) stdout.write(BRACKETED_PASTE.on);

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    stdin.off("keypress", onKeypress);
    screen.release();
    if (marksPastes) stdout.write(BRACKETED_PASTE.off);
    lines.close();
  }

  return {
    isInteractive: true,
    async next(prompt) {
      const early = queue.shift();
      if (early) {
        if (early.kind === "text") stdout.write(`${prompt}${early.text}\n`);
        return early;
      }
      if (isClosed) return { kind: "end" };
      screen.isShown = true;
      lines.setPrompt(prompt);
      // What was typed meanwhile stands behind it.
      lines.prompt(true);
      const isThere = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await abortable(isThere, signal);
      wake = undefined;
      return queue.shift() ?? { kind: "end" };
    },
    async interruptible(run) {
      answering = new AbortController();
      try {
        return await run(AbortSignal.any([signal, answering.signal]));
      } finally {
        answering = undefined;
      }
    },
    close,
  };
}

/** The terminal as readline writes to it: not while an answer is being written. */
class Screen extends Writable {
  isShown = false;
  readonly #stdout: Io["stdout"];
  readonly #onResize = (): boolean => this.emit("resize");

  constructor(stdout: Io["stdout"]) {
    super({ decodeStrings: false });
    this.#stdout = stdout;
    stdout.on("resize", this.#onResize);
  }

  /** Endless while nothing is shown: or readline would go up as many rows as the unseen line would have. */
  get columns(): number | undefined {
    return this.isShown ? this.#stdout.columns : undefined;
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.isShown) this.#stdout.write(chunk);
    done();
  }

  release(): void {
    this.#stdout.off("resize", this.#onResize);
  }
}
