/** What a line that begins with `/` does: the table of commands. Knows no terminal. */
import { readFile } from "node:fs/promises";
import { ChatError } from "../errors.ts";
import { writeResultFile } from "../output/result-file.ts";
import { formatTable } from "../output/table.ts";
import { formatRate } from "../output/text-times.ts";
import { formatBytes, formatCount, formatNumberOf } from "../output/units.ts";
import { orNearest } from "./nearest.ts";
import type { Answer, ChatSession } from "./session.ts";
import { changeSetting, listSettings } from "./settings.ts";

/** Characters of the end of a text that say where it is. */
const END_LENGTH = 50;

/** What a command may do. */
export interface CommandContext {
  readonly session: ChatSession;
  /** Names the model and its device, for `/stats`. */
  readonly about: readonly (readonly [name: string, value: string])[];
  /** Writes what was asked for. */
  readonly out: (text: string) => void;
  /** Says something about it, in a line. */
  readonly note: (line: string) => void;
  /** Answers once more what was typed last. Says whether there was something. */
  readonly retry: () => Promise<boolean>;
  readonly lastAnswer: Answer | undefined;
}

export interface ChatCommand {
  readonly name: string;
  /** As help shows it: `<file>` has to be there, `[name]` may. */
  readonly argument?: string;
  readonly help: string;
  /** @returns `"quit"` to leave */
  readonly run: (context: CommandContext, argument: string) => Promise<"quit" | undefined> | "quit" | undefined;
}

export const CHAT_COMMANDS: readonly ChatCommand[] = [
  {
    name: "undo",
    help: "go back to before the last turn, /reset or /load; again to go further back",
    run: async ({ session, note }) => {
      if (!(await session.undo())) throw new ChatError("undo: expected something to undo, found nothing was said yet");
      note(`back at ${placeOf(session)}`);
      return undefined;
    },
  },
  {
    name: "retry",
    help: "answer what was typed last once more, in place of the answer before",
    run: async ({ retry }) => {
      if (await retry()) return undefined;
      throw new ChatError("retry: expected something that was typed last, found nothing; type the beginning of a text");
    },
  },
  {
    name: "reset",
    help: "begin anew",
    run: async ({ session, note }) => {
      await session.reset();
      note("nothing was said; /undo goes back");
      return undefined;
    },
  },
  {
    name: "fork",
    argument: "[name]",
    help: "keep a copy of this place under a name, or list what is kept",
    run: async ({ session, out, note }, name) => {
      if (name === "") {
        out(branchTable(session));
        return undefined;
      }
      if (/\s/.test(name)) throw new ChatError(`fork: expected a name of one word, found ${JSON.stringify(name)}`);
      session.fork(name);
      note(`${name} is kept here, at ${placeOf(session)}; /switch ${name} goes there`);
      return undefined;
    },
  },
  {
    name: "switch",
    argument: "<name>",
    help: "go to the text of this name; the one before stays under its own",
    run: ({ session, note }, name) => {
      session.switchTo(name);
      note(`${name}, at ${placeOf(session)}`);
      return undefined;
    },
  },
  {
    name: "save",
    argument: "<file>",
    help: "write the text and the model's state to a file",
    run: async ({ session, note }, path) => {
      const bytes = await session.save();
      await writeResultFile(path, bytes);
      note(`${path}: ${formatBytes(bytes.byteLength)} written`);
      return undefined;
    },
  },
  {
    name: "load",
    argument: "<file>",
    help: "go on from a file that /save has written with this model",
    run: async ({ session, note }, path) => {
      await loadChat(session, path);
      note(`${path} is loaded, at ${placeOf(session)}`);
      return undefined;
    },
  },
  {
    name: "history",
    help: "show the text so far",
    run: ({ session, out }) => {
      const { text } = session;
      out(text === "" || text.endsWith("\n") ? text : `${text}\n`);
      return undefined;
    },
  },
  {
    name: "set",
    argument: "[name value]",
    help: "change how answers are made, as in /set temperature 0.5 or /set top-k off; or list that",
    run: ({ session, out, note }, argument) => {
      if (argument === "") {
        out(formatTable(listSettings(session.sampling), ["left", "left"]));
        return undefined;
      }
      const [, name = "", value = ""] = /^(\S+)\s*(.*)$/s.exec(argument) ?? [];
      session.sampling = changeSetting(session.sampling, name, value);
      note(
        listSettings(session.sampling)
          .find(([each]) => each === name)
          ?.join(" ") ?? "",
      );
      return undefined;
    },
  },
  {
    name: "stats",
    help: "tokens, states and speed",
    run: ({ session, about, lastAnswer, out }) => {
      const rows: [string, string][] = [
        ...about.map(([name, value]): [string, string] => [name, value]),
        ["text", `${formatNumberOf(session.tokens, "token")}, ${formatNumberOf(session.turns.length, "turn")}`],
        ["undo", formatNumberOf(session.undoSteps, "step")],
        ["texts kept", session.branches.map(({ name }) => name).join(", ")],
        ["state", `${formatBytes(session.stateByteLength)} each, after any number of tokens`],
      ];
      if (lastAnswer) rows.push(["last answer", answerFigures(lastAnswer)]);
      out(formatTable(rows, ["left", "left"]));
      return undefined;
    },
  },
  {
    name: "help",
    help: "show this",
    run: ({ out }) => {
      const rows = CHAT_COMMANDS.map(({ name, argument = "", help }) => [`/${name} ${argument}`.trimEnd(), help]);
      out(
        `${formatTable(rows, ["left", "left"])}
An empty line has the model go on. A line that ends in a backslash goes on in the next one, and so do lines between
""" and """; what stands there is no command, whatever it begins with.
`,
      );
      return undefined;
    },
  },
  { name: "quit", help: "leave; Ctrl-D does too", run: () => "quit" },
];

/** Runs a line that begins with `/`. */
export async function runCommand(line: string, context: CommandContext): Promise<"quit" | undefined> {
  const [, name = "", argument = ""] = /^\/(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
  const command = CHAT_COMMANDS.find((each) => each.name === name);
  if (!command) {
    const near = orNearest(
      `/${name}`,
      CHAT_COMMANDS.map((each) => `/${each.name}`),
    );
    const cure = near === "" ? '; /help lists them, and text that begins with "/" goes between """ and """' : near;
    throw new ChatError(`/${name}: expected a command, found none of this name${cure}`);
  }
  const { argument: expected } = command;
  if (expected === undefined && argument !== "") {
    throw new ChatError(`${name}: expected nothing after it, found ${JSON.stringify(argument)}`);
  }
  if (expected?.startsWith("<") && argument === "") throw new ChatError(`${name}: expected ${expected}, found nothing`);
  return command.run(context, argument);
}

/** Has a session go on from a file. What is wrong with it is told with its name. */
export async function loadChat(session: ChatSession, path: string): Promise<void> {
  try {
    await session.load(await readFile(path));
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    const problem = cause.code === "ENOENT" ? "expected a file that /save has written, found none" : cause.message;
    throw new ChatError(`${path}: ${problem}`, { cause });
  }
}

/** How an answer went, for a table. */
function answerFigures({ tokens, readTokens, tokensPerSecond }: Answer): string {
  const rate = tokensPerSecond === undefined ? "" : `, ${formatRate(tokensPerSecond)}`;
  return `${formatNumberOf(readTokens, "token")} read, ${formatCount(tokens)} written${rate}`;
}

function branchTable({ branches }: ChatSession): string {
  const rows = branches.map(({ name, isCurrent, tokens, text }) => [
    isCurrent ? "*" : "",
    name,
    formatNumberOf(tokens, "token"),
    endOf(text),
  ]);
  return formatTable(rows, ["left", "left", "right", "left"]);
}

function placeOf({ tokens, text }: ChatSession): string {
  return `${formatNumberOf(tokens, "token")}${text === "" ? "" : `: ${endOf(text)}`}`;
}

/** The last words of a text, in one line. */
function endOf(text: string): string {
  const line = text.trimEnd().replaceAll(/\s+/g, " ");
  const characters = [...line];
  if (characters.length <= END_LENGTH) return line;
  // From a word's beginning on, where that is not far.
  return `…${characters
    .slice(-END_LENGTH)
    .join("")
    .replace(/^\S{0,15} /, "")}`;
}
