/** A terminal to type in and to look at: the real thing's emulation is `@xterm/headless`'. For tests only. */
import { PassThrough, Writable } from "node:stream";
import { setTimeout } from "node:timers/promises";
// It is CommonJS whose names Node cannot see.
import xterm from "@xterm/headless";
import { StopError } from "../errors.ts";
import type { Io } from "../io.ts";

export interface FakeTerminal {
  readonly io: Io;
  /** What keys send, or a paste. Ctrl-C is `\x03`: to a program that does not read keys itself the terminal sends a signal. */
  type(keys: string): void;
  /** What stands on the screen and above it, less white space at the end. */
  screen(): Promise<string>;
  /** When the screen ends like this, or has something that matches; rejects after a minute. */
  until(end: string): Promise<void>;
  contains(pattern: RegExp): Promise<void>;
  /** Titles that were shown, in order. */
  readonly titles: string[];
  /** Whether keys come as they are pressed. */
  isRaw(): boolean;
  /** Whether pasted text is marked. */
  marksPastes(): Promise<boolean>;
  resize(columns: number): void;
}

export interface FakeTerminalOptions {
  readonly columns?: number;
  readonly env?: Record<string, string>;
}

export function fakeTerminal({ columns = 80, env = {} }: FakeTerminalOptions = {}): FakeTerminal {
  const terminal = new xterm.Terminal({ cols: columns, rows: 24, allowProposedApi: true, convertEol: true });
  const stop = new AbortController();
  const titles: string[] = [];
  terminal.onTitleChange((title) => titles.push(title));
  let isRaw = false;

  const stdin = Object.assign(new PassThrough(), {
    isTTY: true as const,
    setRawMode(mode: boolean) {
      isRaw = mode;
      return stdin;
    },
  });
  const output = (): Io["stderr"] & Io["stdout"] => {
    const stream = new Writable({
      decodeStrings: false,
      write(chunk, _encoding, done) {
        // At once, as a terminal takes what two streams write in the order in which they do.
        terminal.write(String(chunk));
        done();
      },
    });
    return Object.defineProperty(Object.assign(stream, { isTTY: true as const }), "columns", {
      get: () => terminal.cols,
    });
  };
  const stdout = output();

  /** When all that was written so far has taken effect. */
  const written = () =>
    new Promise<void>((resolve) => {
      terminal.write("", resolve);
    });

  async function screen(): Promise<string> {
    await written();
    const { active } = terminal.buffer;
    let text = "";
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row);
      text += `${row > 0 && line?.isWrapped !== true ? "\n" : ""}${line?.translateToString(true) ?? ""}`;
    }
    return text.trimEnd();
  }

  async function waitFor(isThere: (text: string) => boolean, what: string): Promise<void> {
    const start = performance.now();
    while (!isThere(await screen())) {
      if (performance.now() - start > 60_000) throw new Error(`there was never ${what}:\n${await screen()}`);
      await setTimeout(2);
    }
  }

  return {
    io: { stdin, stdout, stderr: output(), env: { TERM: "xterm-256color", ...env }, signal: stop.signal },
    type(keys) {
      if (!isRaw && keys.includes("\x03")) stop.abort(new StopError("interrupted", 130));
      else stdin.write(keys);
    },
    screen,
    until: (end) => waitFor((text) => text.endsWith(end), end),
    contains: (pattern) => waitFor((text) => pattern.test(text), String(pattern)),
    titles,
    isRaw: () => isRaw,
    async marksPastes() {
      await written();
      return terminal.modes.bracketedPasteMode;
    },
    resize(wide) {
      terminal.resize(wide, 24);
      stdout.emit("resize");
    },
  };
}
