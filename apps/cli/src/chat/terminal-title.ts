/**
 * The terminal's title: the one place that can change while text is written, and whatever width its characters have, without mixing
 * with it. Terminals without a title ignore it.
 */
import type { Io } from "../io.ts";

export interface TerminalTitle {
  /** Shows a line, if the last one has stood there long enough to be read. */
  show(line: string): void;
  /** Brings back the title before. */
  restore(): void;
}

/** Often enough to look alive, and few bytes beside the text. */
const SHOW_EVERY_MS = 250;

/** Xterm's stack of titles; where a terminal has none, the last one stays. */
const KEEP = "\x1b[22;0t";
const BRING_BACK = "\x1b[23;0t";

/** @param stdout - left out, there is no title */
export function createTerminalTitle(
  stdout: Io["stdout"] | undefined,
  now: () => number = () => performance.now(),
): TerminalTitle {
  let shownAt: number | undefined;
  return {
    show(line) {
      if (!stdout || (shownAt !== undefined && now() - shownAt < SHOW_EVERY_MS)) return;
      if (shownAt === undefined) stdout.write(KEEP);
      stdout.write(`\x1b]0;${line}\x07`);
      shownAt = now();
    },
    restore() {
      if (shownAt === undefined) return;
      stdout?.write(BRING_BACK);
      shownAt = undefined;
    },
  };
}
