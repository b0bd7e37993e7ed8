/** A chat in a terminal, or with a script that is piped in: reads lines, has the session answer, and shows how it goes. */
import { reportError } from "../errors.ts";
import type { Io } from "../io.ts";
import { formatRate, formatTextTimes } from "../output/text-times.ts";
import { formatCount, formatNumberOf } from "../output/units.ts";
import type { ChatInput } from "./chat-input.ts";
import { type CommandContext, runCommand } from "./commands.ts";
import { MessageLines } from "./message-lines.ts";
import type { Answer, AnswerOptions, ChatSession } from "./session.ts";
import { createTerminalTitle } from "./terminal-title.ts";

export interface ChatSurroundings {
  readonly io: Pick<Io, "stdout" | "stderr" | "env" | "signal">;
  readonly input: ChatInput;
  readonly about: CommandContext["about"];
}

const PROMPT = "> ";
const PROMPT_GOING_ON = "… ";

/** Resolves when the input ends, or somebody leaves. */
export async function runChat(session: ChatSession, { io, input, about }: ChatSurroundings): Promise<void> {
  const { stdout, stderr, env, signal } = io;
  const { isInteractive } = input;
  const title = createTerminalTitle(isInteractive && env["TERM"] !== "dumb" ? stdout : undefined);
  const isDimmed = isInteractive && stderr.isTTY === true && env["TERM"] !== "dumb" && !env["NO_COLOR"];
  const message = new MessageLines();
  let lastAnswer: Answer | undefined;
  let isLeaving = false;

  function note(line: string): void {
    stderr.write(isDimmed ? `\x1b[2m${line}\x1b[0m\n` : `${line}\n`);
  }

  /** Shows an answer as it comes. Whatever was written ends with a line end. */
  async function show(make: (options: AnswerOptions) => Promise<Answer | undefined>): Promise<boolean> {
    let end = "\n";
    let firstAt: number | undefined;
    const answer = await input
      .interruptible((stop) => {
        const onText = (text: string, tokens: number): void => {
          if (text !== "") {
            stdout.write(text);
            end = text;
          }
          // The first waits for what was typed to be read.
          if (firstAt === undefined) firstAt = performance.now();
          else title.show(rateLine(tokens, performance.now() - firstAt));
        };
        return make({ signal: stop, onText });
      })
      .finally(() => {
        title.restore();
        if (!end.endsWith("\n")) stdout.write("\n");
      });
    // Of a script, an answer that was interrupted is the end.
    signal.throwIfAborted();
    if (answer) note(summarise(answer, session));
    lastAnswer = answer ?? lastAnswer;
    return answer !== undefined;
  }

  const context: CommandContext = {
    session,
    about,
    out: (text) => void stdout.write(text),
    note,
    retry: () => show((options) => session.retry(options)),
    get lastAnswer() {
      return lastAnswer;
    },
  };

  async function take(text: string, isLiteral: boolean): Promise<"quit" | undefined> {
    if (!isLiteral && text.startsWith("/")) return runCommand(text, context);
    const isAnswered = await show((options) => session.answer(text, options));
    if (!isAnswered) note("nothing to go on from: type the beginning of a text, or /help");
    return undefined;
  }

  try {
    for (;;) {
      const entry = await input.next(message.isOpen ? PROMPT_GOING_ON : PROMPT);
      if (entry.kind === "end") {
        // Of a script: a last line that was to go on, or quotes that nobody closed.
        const left = isInteractive ? undefined : message.end();
        if (left) await take(left.text, left.isLiteral);
        return;
      }
      if (entry.kind === "interrupt") {
        const tookBack = entry.tookBack || message.isOpen;
        message.clear();
        if (isLeaving && !tookBack) return;
        isLeaving = !tookBack;
        if (isLeaving) note("Ctrl-C once more, Ctrl-D or /quit leaves");
        continue;
      }
      isLeaving = false;
      const whole = message.push(entry.text);
      if (!whole) continue;
      try {
        if ((await take(whole.text, whole.isLiteral)) === "quit") return;
      } catch (error) {
        // Whoever types can try again; a script would go on with something else than it expects.
        const isMistake = error instanceof Error && "code" in error;
        if (!isInteractive || !isMistake || signal.aborted) throw error;
        reportError(error, "/help", io);
      }
    }
  } finally {
    title.restore();
    input.close();
  }
}

/** `100.0 tok/s, 12 tokens`. */
function rateLine(tokens: number, sinceFirstMs: number): string {
  return `${formatRate(((tokens - 1) * 1000) / Math.max(sinceFirstMs, 1))}, ${formatNumberOf(tokens, "token")}`;
}

function summarise(answer: Answer, { tokens }: ChatSession): string {
  const ends = { end: "", length: "; more with an empty line", interrupted: "; stopped" };
  const anew = answer.isReadAnew ? "; all was read anew, as the template writes earlier turns differently now" : "";
  return `${formatTextTimes(answer)}; ${formatCount(tokens)} in all${ends[answer.stopReason]}${anew}`;
}
