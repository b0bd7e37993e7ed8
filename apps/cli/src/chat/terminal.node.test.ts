import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Io } from "../io.ts";
import { type FakeChatModel, type FakeChatModelOptions, fakeChatModel } from "../testing/fake-chat-model.ts";
import { type FakeIo, fakeIo, INTERRUPTED } from "../testing/fake-io.ts";
import { type FakeTerminalOptions, fakeTerminal } from "../testing/fake-terminal.ts";
import { type ChatInput, createPipeInput } from "./chat-input.ts";
import { ChatSession } from "./session.ts";
import { runChat } from "./terminal.ts";
import { createTerminalInput } from "./terminal-input.ts";
import { plainFormat } from "./turn-format.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-chat-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function sessionWith(model: FakeChatModel, maxTokens = 5): ChatSession {
  return new ChatSession(model, { format: plainFormat(), sampling: { maxTokens } });
}

function run(session: ChatSession, io: Io, input: ChatInput): Promise<void> {
  return runChat(session, { io, input, about: [["model", "fake"]] });
}

describe("a script", () => {
  async function script(input: string | Uint8Array, options: FakeChatModelOptions = {}) {
    const model = fakeChatModel(options);
    const session = sessionWith(model);
    const io = fakeIo({ input });
    const ended = run(session, io, createPipeInput(io));
    return { model, session, io, ended };
  }

  const outcome = ({ io }: { io: FakeIo }) => ({ out: io.out(), err: io.err() });

  test("has answers on stdout, and nothing else there", async () => {
    const chat = await script("A\nB\n");
    await chat.ended;
    const { continuation } = chat.model;
    const first = continuation("A", 5);
    expect(outcome(chat).out).toBe(`${first}\n${continuation(`A${first}B`, 5)}\n`);
    expect(outcome(chat).err).toMatch(
      /^5 tokens in \d+ ms, .*; 6 in all; more with an empty line\n5 tokens in .*; 12 in all; more with an empty line\n$/,
    );
    expect(outcome(chat).err).not.toContain("\x1b");
  });

  test("of several lines, quotes and line ends of Windows", async () => {
    const chat = await script('A\\\r\nB\r\n"""/C\r\n"""\r\n/history\r\n/quit\r\nD\r\n');
    await chat.ended;
    expect(chat.session.turns.map(({ user }) => user)).toEqual(["A\nB", "/C\n"]);
    expect(outcome(chat).out.endsWith(`${chat.session.text}\n`)).toBe(true);
  });

  test("without a line end at its end, also where the line was to go on", async () => {
    for (const [input, user] of [
      ["A", "A"],
      ["A\nB\\", "B"],
      ["naïve", "naïve"],
    ] as const) {
      const chat = await script(input);
      await chat.ended;
      expect(chat.session.turns.at(-1)?.user).toBe(user);
    }
  });

  test("ends with its first mistake", async () => {
    for (const [input, message] of [
      ["A\n/undoo\nB\n", "/undoo: expected a command, found none of this name; did you mean /undo?"],
      ["A\n/load\nB\n", "load: expected <file>, found nothing"],
      ["A\n/quit now\nB\n", 'quit: expected nothing after it, found "now"'],
      ["A\n/switch x\nB\n", "switch x: expected one of main"],
      ['A\n"""B\n', 'expected """ at the end'],
    ] as const) {
      const chat = await script(input);
      await expect(chat.ended).rejects.toThrow(message);
      await expect(chat.ended).rejects.toMatchObject({ code: "ERR_CHAT" });
      expect(chat.session.turns).toHaveLength(1);
    }
  });

  test("that is no text is refused, after what was", async () => {
    const chat = await script(Uint8Array.of(0x41, 0x0a, 0x42, 0xff, 0x0a));
    await expect(chat.ended).rejects.toThrow("standard input: expected UTF-8 text, found other bytes after line");
  });

  test("has nothing to go on from at its beginning", async () => {
    const chat = await script("\nA\n");
    await chat.ended;
    expect(outcome(chat).err).toMatch(/^nothing to go on from: type the beginning of a text, or \/help\n/);
    expect(chat.session.turns).toHaveLength(1);
  });

  test("is ended by Ctrl-C, in the middle of an answer too", async () => {
    for (const stopAt of [0, 3]) {
      const chat = await script("A\n/history\n", {
        onToken: (count) => {
          if (count === stopAt) chat.io.stop(INTERRUPTED);
        },
      });
      await expect(chat.ended).rejects.toBe(INTERRUPTED);
      expect(outcome(chat).out).toBe(stopAt === 0 ? "" : `${chat.model.continuation("A", 3)}\n`);
    }
    const io = fakeIo();
    const waiting = run(sessionWith(fakeChatModel()), io, createPipeInput(io));
    io.stop(INTERRUPTED);
    await expect(waiting).rejects.toBe(INTERRUPTED);
  });

  test("commands do what help says", async () => {
    const file = join(folder, "story.chat");
    const lines = [
      "A",
      "/fork there",
      "B",
      "/undo",
      "C",
      `/save ${file}`,
      "/switch there",
      "/reset",
      `/load ${file}`,
      "/fork",
      "/set temperature 0.5",
      "/set stop off",
      "/set",
      "/retry",
      "/stats",
      "/help",
    ];
    const chat = await script(lines.join("\n"));
    // A place that was loaded was not typed.
    await expect(chat.ended).rejects.toThrow("retry: expected something that was typed last, found nothing");
    const { continuation } = chat.model;
    const a = `A${continuation("A", 5)}`;
    const ac = `${a}C${continuation(`${a}C`, 5)}`;
    expect(chat.session.text).toBe(ac);
    const { out, err } = outcome(chat);
    expect(out).toContain(`   main   12 tokens  ${ac}\n*  there  12 tokens  ${ac}\n`);
    expect(out).toMatch(/^temperature +0\.5$/m);
    expect(err).toContain(`there is kept here, at 6 tokens: ${a}; /switch there goes there\n`);
    expect(err).toContain(`back at 6 tokens: ${a}\n`);
    expect(err).toContain(`${file}: `);
    expect(err).toContain("nothing was said; /undo goes back\n");
    expect(err).toContain(`${file} is loaded, at 12 tokens: ${ac}\n`);
    expect(err).toContain("temperature 0.5\nstop off\n");
    // It appears when it is whole, and nothing is left beside it.
    expect(await readdir(folder)).toEqual(["story.chat"]);
  });

  test("stats, help and retry", async () => {
    const chat = await script("A\n/retry\n/stats\n/help\n");
    await chat.ended;
    const { out } = outcome(chat);
    expect(out).toMatch(/^model +fake\ntext +6 tokens, 1 turn\nundo +1 step\ntexts kept +main\nstate +1\.0 kB each/m);
    expect(out).toMatch(/^last answer +1 token read, 5 written/m);
    for (const name of ["undo", "retry", "reset", "fork \\[name\\]", "switch <name>", "save <file>", "load <file>"]) {
      expect(out).toMatch(new RegExp(`^/${name} +\\w`, "m"));
    }
  });

  test("files that cannot be saved or loaded are named", async () => {
    const damaged = join(folder, "damaged.chat");
    await writeFile(damaged, "bm-state");
    for (const [line, message] of [
      [`/load ${damaged}`, `${damaged}: expected a conversation that /save has written, found a file that begins`],
      [`/load ${join(folder, "none")}`, "none: expected a file that /save has written, found none"],
      [`/load ${folder}`, "EISDIR"],
      [`/save ${join(folder, "no", "folder")}`, "could not be created"],
    ] as const) {
      const chat = await script(`A\n${line}\n`);
      await expect(chat.ended).rejects.toThrow(message);
    }
  });
});

describe("a terminal", () => {
  interface Options extends FakeChatModelOptions, FakeTerminalOptions {
    readonly maxTokens?: number;
  }

  function open({ maxTokens = 5, ...options }: Options = {}) {
    const terminal = fakeTerminal(options);
    const model = fakeChatModel(options);
    const session = sessionWith(model, maxTokens);
    const ended = run(session, terminal.io, createTerminalInput(terminal.io));
    return { terminal, model, session, ended, ...model };
  }

  /** The screen, less how long things took. */
  const seen = async ({ terminal }: ReturnType<typeof open>) =>
    (await terminal.screen()).replaceAll(/ in \d+ ms, the first after \d+ ms(, then [\d.]+ tok\/s)?/g, "");

  test("shows prompts, answers, and how they went; Ctrl-D leaves", async () => {
    const chat = open();
    await chat.terminal.until(">");
    chat.terminal.type("A\r");
    await chat.terminal.until("empty line\n>");
    const first = chat.continuation("A", 5);
    expect(await seen(chat)).toBe(`> A\n${first}\n5 tokens; 6 in all; more with an empty line\n>`);
    expect(chat.terminal.isRaw()).toBe(true);
    expect(await chat.terminal.marksPastes()).toBe(true);
    chat.terminal.type("\x04");
    await chat.ended;
    expect(chat.terminal.isRaw()).toBe(false);
    expect(await chat.terminal.marksPastes()).toBe(false);
  });

  test("Ctrl-C stops an answer and not the chat, and the text is what was shown", async () => {
    const chat = open({
      maxTokens: 1000,
      onToken: (count) => {
        if (count === 40) chat.terminal.type("\x03");
      },
    });
    chat.terminal.type("A\r");
    await chat.terminal.until("stopped\n>");
    const [, shown = ""] = (await chat.terminal.screen()).split("\n");
    const [{ answer } = { answer: "" }] = chat.session.turns;
    expect(answer.trimEnd()).toBe(shown);
    expect(answer).toBe(chat.continuation("A", answer.length));
    expect(answer.length).toBeLessThan(100);
    chat.session.sampling = { maxTokens: 5 };
    chat.terminal.type("B\r");
    await chat.terminal.until("empty line\n>");
    expect(chat.session.turns[1]).toEqual({ user: "B", answer: chat.continuation(`A${answer}B`, 5) });
    chat.terminal.type("/quit\r");
    await chat.ended;
  });

  test("Ctrl-C takes back what is typed; twice with nothing typed it leaves", async () => {
    const chat = open();
    chat.terminal.type("abc");
    await chat.terminal.until("> abc");
    chat.terminal.type("\x1b[D\x03");
    await chat.terminal.until("> abc^C\n>");
    chat.terminal.type("one\\\r");
    await chat.terminal.until("\n…");
    chat.terminal.type("\x03");
    await chat.terminal.until("… ^C\n>");
    chat.terminal.type("\x03");
    await chat.terminal.until("Ctrl-C once more, Ctrl-D or /quit leaves\n>");
    chat.terminal.type("A\r");
    await chat.terminal.until("empty line\n>");
    expect(chat.session.turns.map(({ user }) => user)).toEqual(["A"]);
    chat.terminal.type("\x03");
    await chat.terminal.until("leaves\n>");
    chat.terminal.type("\x03");
    await chat.ended;
    expect(chat.terminal.isRaw()).toBe(false);
  });

  test("what is typed during an answer waits, and mixes with nothing", async () => {
    const chat = open({
      maxTokens: 30,
      onToken: async (count) => {
        if (chat.session.turns.length > 0) return;
        if (count === 10) chat.terminal.type("early\rand the beginning of more");
        await new Promise((resolve) => setTimeout(resolve, 1));
      },
    });
    chat.terminal.type("A\r");
    await chat.terminal.until("> and the beginning of more");
    const [first, second] = chat.session.turns;
    expect(first?.answer).toBe(chat.continuation("A", 30));
    expect(second?.user).toBe("early");
    expect(await seen(chat)).toBe(
      `> A\n${first?.answer}\n30 tokens; 31 in all; more with an empty line\n` +
        `> early\n${second?.answer}\n30 tokens; 66 in all; more with an empty line\n> and the beginning of more`,
    );
    chat.terminal.type("\x03/quit\r");
    await chat.ended;
  });

  test("a long line that is begun during an answer leaves the answer whole", async () => {
    const long = "x".repeat(95);
    const chat = open({
      maxTokens: 60,
      columns: 40,
      onToken: async (count) => {
        // The last key has the line drawn anew.
        if (count === 10) chat.terminal.type(`${long}\x1b[D`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      },
    });
    chat.terminal.type("A\r");
    await chat.terminal.until(`> ${long}`);
    expect(await seen(chat)).toContain(`> A\n${chat.continuation("A", 60)}\n60 tokens`);
    chat.terminal.resize(30);
    chat.terminal.type("y");
    await chat.terminal.until(`${long.slice(1)}yx`);
    chat.terminal.type("\x03\x04");
    await chat.ended;
  });

  test("pasted lines are one text, also where they begin with a command", async () => {
    const chat = open();
    chat.terminal.type("\x1b[200~/quit\rsecond\\\rthird\x1b[201~");
    await chat.terminal.until("> /quit\n… second\\\n… third");
    chat.terminal.type(" end\r");
    await chat.terminal.until("empty line\n>");
    expect(chat.session.turns.map(({ user }) => user)).toEqual(["/quit\nsecond\\\nthird end"]);
    chat.terminal.type("\x1b[200~a\rb\x1b[201~");
    await chat.terminal.until("… b");
    chat.terminal.type("\x03");
    await chat.terminal.until("b^C\n>");
    chat.terminal.type("\x04");
    await chat.ended;
    expect(chat.session.turns).toHaveLength(1);
  });

  test("several lines in quotes have a prompt of their own; arrow up brings lines back", async () => {
    const chat = open();
    chat.terminal.type('"""one\r');
    await chat.terminal.until('> """one\n…');
    chat.terminal.type('two"""\r');
    await chat.terminal.until("empty line\n>");
    expect(chat.session.turns.map(({ user }) => user)).toEqual(["one\ntwo"]);
    chat.terminal.type("\x1b[A");
    await chat.terminal.until('> two"""');
    chat.terminal.type("\x03\x04");
    await chat.ended;
  });

  test("a mistake is told, and the chat goes on", async () => {
    const chat = open();
    chat.terminal.type("/histroy\r");
    await chat.terminal.until("found none of this name; did you mean /history?\n>");
    expect(await chat.terminal.screen()).toContain("blackmamba: /histroy: expected a command");
    chat.terminal.type("/save\r");
    await chat.terminal.until("save: expected <file>, found nothing\n>");
    chat.terminal.type("/quit\r");
    await chat.ended;
  });

  test("an answer that fails is told, and the chat goes on from before", async () => {
    const chat = open({
      onToken: (count) => {
        if (count === 2 && chat.session.turns.length === 1) {
          throw Object.assign(new Error("the device is gone"), { code: "ERR_DEVICE" });
        }
      },
    });
    chat.terminal.type("A\r");
    await chat.terminal.until("empty line\n>");
    chat.terminal.type("B\r");
    await chat.terminal.until("blackmamba: the device is gone\n>");
    expect(chat.session.turns).toHaveLength(1);
    chat.terminal.type("\x04");
    await chat.ended;
  });

  test("a mistake in the program itself ends it, with the terminal as it was", async () => {
    const chat = open({
      onToken: () => {
        throw new TypeError("x is not a function");
      },
    });
    chat.terminal.type("A\r");
    await expect(chat.ended).rejects.toThrow("x is not a function");
    expect(chat.terminal.isRaw()).toBe(false);
    expect(await chat.terminal.marksPastes()).toBe(false);
  });

  test("the title tells the rate while an answer is written", async () => {
    const chat = open({ onToken: () => new Promise((resolve) => setTimeout(resolve, 60)), maxTokens: 10 });
    chat.terminal.type("A\r");
    await chat.terminal.until("empty line\n>");
    expect(chat.terminal.titles.length).toBeGreaterThan(1);
    expect(chat.terminal.titles.length).toBeLessThan(6);
    for (const title of chat.terminal.titles) expect(title).toMatch(/^\d+\.\d tok\/s, \d+ tokens$/);
    chat.terminal.type("\x04");
    await chat.ended;
  });

  test("a terminal that knows nothing gets nothing but text", async () => {
    const chat = open({ env: { TERM: "dumb" } });
    chat.terminal.type("A\r");
    await chat.terminal.until("empty line\n>");
    expect(chat.terminal.titles).toEqual([]);
    expect(await chat.terminal.marksPastes()).toBe(false);
    chat.terminal.type("\x04");
    await chat.ended;
  });
});
