/** `blackmamba chat` from its arguments to its exit code. What is said in a chat is tested in `chat/terminal.node.test.ts`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "./run.ts";
import { fakeChatModel } from "./testing/fake-chat-model.ts";
import { fakeIo, INTERRUPTED } from "./testing/fake-io.ts";
import { fakeLibrary } from "./testing/fake-library.ts";
import { fakeTerminal } from "./testing/fake-terminal.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-chat-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a script. */
async function chat(args: string[], input = "", library = fakeLibrary({ model: fakeChatModel() })) {
  const io = fakeIo({ input });
  const exitCode = await run(["chat", ...args], io, library);
  return { exitCode, out: io.out(), err: io.err(), lastLine: io.err().trimEnd().split("\n").at(-1), library };
}

async function fileWith(name: string, text: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const CHATML =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\n' }}";

describe("options", () => {
  test("are passed on, with the defaults of a chat", async () => {
    const told = async (args: string[]) => {
      const { library, exitCode } = await chat(args, "A\n", fakeLibrary({ pieces: ["b"] }));
      expect(exitCode).toBe(0);
      const call = library.calls.find(({ name }) => name === "generate");
      const { state, signal, ...sampling } = (call?.arguments[1] ?? {}) as Record<string, unknown>;
      expect(state).toBeDefined();
      expect(signal).toBeInstanceOf(AbortSignal);
      return sampling;
    };
    expect(await told([])).toEqual({ maxTokens: 200, temperature: 0.8, topP: 0.95, stop: [] });
    const all = ["--max-tokens", "9", "--temperature", "0", "--top-k", "40", "--top-p", "0.5", "--min-p", "0.1"];
    expect(await told([...all, "--repetition-penalty", "1.2", "--seed", "7", "--stop", "x", "--stop", "y"])).toEqual({
      ...{ maxTokens: 9, temperature: 0, topK: 40, topP: 0.5, minP: 0.1, repetitionPenalty: 1.2, seed: 7 },
      stop: ["x", "y"],
    });
  });

  test("name the model, the device and the precision", async () => {
    const { library } = await chat(["--model", "m", "--device", "cpu", "--quantize", "q8_0"]);
    expect(library.calls.map(({ arguments: values }) => values)).toEqual([["cpu"], ["m", "q8_0"]]);
    const { library: other, exitCode } = await chat([], "A\n/stats\n");
    expect(exitCode).toBe(0);
    expect(other.calls.map(({ arguments: values }) => values)).toEqual([["auto"], ["/models/storyteller"]]);
    expect(other.disposed).toEqual(["device"]);
  });

  test("a text to begin with, from the command line or a file", async () => {
    const path = await fileWith("begin.txt", "Once\nupon\n");
    for (const [prompt, text] of [
      ["Once", "Once"],
      [`@${path}`, "Once\nupon"],
    ] as const) {
      const { out } = await chat(["--prompt", prompt, "--max-tokens", "3"], "/history\n\n");
      expect(out).toBe(`${text}\n${fakeChatModel().continuation(text, 3)}\n`);
    }
  });

  test("prefixes, around what is typed", async () => {
    const { out } = await chat(
      ["--user-prefix", "Q: ", "--assistant-prefix", "A:", "--prompt", "Talk.", "--max-tokens", "3"],
      "Hi\n/history\n",
    );
    expect(out).toMatch(/^(.{3})\nTalk\.\nQ: Hi\nA:\1\n$/);
  });

  test("a chat template, from the command line, its file or the model's configuration", async () => {
    const jinja = await fileWith("chatml.jinja", CHATML);
    const config = await fileWith("tokenizer_config.json", JSON.stringify({ chat_template: CHATML }));
    const system = await fileWith("system.txt", "Be brief.\n");
    for (const template of [CHATML, `@${jinja}`, `@${config}`]) {
      const args = ["--template", template, "--system", `@${system}`, "--max-tokens", "3"];
      const { out, err } = await chat(args, "Hi\nWhy?\n/history\n");
      expect(out).toMatch(
        /^(.{3})\n(.{3})\n<\|im_start\|>system\nBe brief\.<\|im_end\|>\n<\|im_start\|>user\nHi<\|im_end\|>\n<\|im_start\|>assistant\n\1<\|im_end\|>\n<\|im_start\|>user\nWhy\?<\|im_end\|>\n<\|im_start\|>assistant\n\2\n$/,
      );
      expect(err).not.toContain("read anew");
    }
  });

  test("a template that writes earlier turns differently is said to cost them", async () => {
    const template = "{{ messages | length }}{% for m in messages %}|{{ m.content }}{% endfor %}";
    const { err } = await chat(["--template", template], "Hi\nWhy?\n");
    expect(err).toContain("; all was read anew, as the template writes earlier turns differently now\n");
  });

  test.each<[string[], RegExp]>([
    [["--system", "x"], /--system: expected --template beside it/],
    [["--template", CHATML, "--prompt", "x"], /--template: expected no --prompt beside it/],
    [["--template", CHATML, "--user-prefix", "x"], /--template: expected no prefixes beside it/],
    [["--template", "chatml.jinja"], /--template: expected Jinja, or @ and a file, found "chatml.jinja"/],
    [["--template", ""], /--template: expected some text, or @ and a file, found ""/],
    [["--prompt", "@"], /--prompt: expected some text, or @ and a file, found "@"/],
    [["--load", ""], /--load: expected a file that \/save has written, found ""/],
    [["--temperature", "warm"], /--temperature: expected a number of 0 or more, found "warm"/],
    [["Once upon a time"], /too many arguments/],
  ])("%j are wrong use", async (args, message) => {
    const { exitCode, lastLine, library } = await chat(args);
    expect(lastLine).toMatch(message);
    expect(lastLine).toMatch(/see blackmamba chat --help$/);
    expect(exitCode).toBe(2);
    // Nothing was loaded for it.
    expect(library.calls).toEqual([]);
  });

  test("files that are none are failures", async () => {
    const latin = await fileWith("latin.txt", Uint8Array.of(0x61, 0xff));
    const config = await fileWith("empty.json", "{}");
    const broken = await fileWith("broken.jinja", "{% for %}");
    for (const [args, message] of [
      [["--prompt", "@/nowhere/begin.txt"], /--prompt: expected a file to read, found it cannot be \(ENOENT/],
      [["--prompt", `@${latin}`], /latin\.txt: expected UTF-8 text, found other bytes/],
      [["--template", `@${config}`], /empty\.json: expected a chat_template, found none/],
      [["--template", `@${broken}`], /chat template: expected Jinja, found/],
      [["--load", "/nowhere/x.chat"], /\/nowhere\/x\.chat: expected a file that \/save has written, found none/],
    ] as const) {
      const { exitCode, lastLine } = await chat([...args]);
      expect(lastLine).toMatch(message);
      expect(exitCode).toBe(1);
    }
  });

  test("--help has every option, the defaults and examples", async () => {
    const { exitCode, out } = await chat(["--help"]);
    expect(exitCode).toBe(0);
    for (const option of ["--model", "--prompt", "--template", "--system", "--user-prefix", "--load", "--seed"]) {
      expect(out).toContain(`${option} <`);
    }
    expect(out).toMatch(/--temperature <number> .*\(default: 0\.8\)/s);
    expect(out).toMatch(/--top-p <number> .*\(default: 0\.95\)/s);
    expect(out).toContain("$ blackmamba chat --load story.chat");
  });
});

describe("a chat", () => {
  test("that was saved is loaded at the start, and of another model refused by its name", async () => {
    const file = join(folder, "story.chat");
    const saved = await chat(["--max-tokens", "3"], `A\n/save ${file}\n`);
    expect(saved.exitCode).toBe(0);
    const loaded = await chat(["--load", file, "--max-tokens", "3"], "/history\nB\n");
    const text = `A${fakeChatModel().continuation("A", 3)}`;
    expect(loaded.out).toBe(`${text}\n${fakeChatModel().continuation(`${text}B`, 3)}\n`);

    const other = {
      ...fakeChatModel(),
      loadState: () => Promise.reject(Object.assign(new Error("of another model"), { code: "ERR_STATE_FILE" })),
    };
    const refused = await chat(["--load", file], "B\n", fakeLibrary({ model: other }));
    expect(refused.lastLine).toBe(`blackmamba: ${file}: of another model`);
    expect(refused.exitCode).toBe(1);
  });

  test("ends with 1 where a script has a wrong command", async () => {
    const { exitCode, lastLine } = await chat([], "A\n/udno\n");
    expect(exitCode).toBe(1);
    expect(lastLine).toBe("blackmamba: /udno: expected a command, found none of this name; did you mean /undo?");
  });

  test("needs a tokenizer", async () => {
    const { exitCode, lastLine } = await chat([], "A\n", fakeLibrary({ lacksTokenizer: true }));
    expect(exitCode).toBe(1);
    expect(lastLine).toContain("tokenizer.json is missing");
  });

  test("in a terminal greets, and leaves with 0", async () => {
    const terminal = fakeTerminal();
    const args = ["chat", "--max-tokens", "3", "--prompt", "Once"];
    const ended = run(args, terminal.io, fakeLibrary({ model: fakeChatModel() }));
    await terminal.until("\nOnce\n>");
    expect(await terminal.screen()).toContain("/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.");
    terminal.type("\r");
    await terminal.until("empty line\n>");
    expect(await terminal.screen()).toContain(`\nOnce\n> \n${fakeChatModel().continuation("Once", 3)}\n3 tokens in`);
    terminal.type("\x04");
    expect(await ended).toBe(0);
  });

  test("is ended by Ctrl-C while the model loads", async () => {
    const terminal = fakeTerminal();
    const ended = run(["chat"], terminal.io, fakeLibrary({ hangs: "load" }));
    await terminal.until("no WebGPU adapter");
    terminal.type("\x03");
    expect(await ended).toBe(130);
  });

  test("is no terminal's where its output goes elsewhere", async () => {
    const terminal = fakeTerminal();
    const { stdout } = fakeIo();
    const ended = run(["chat"], { ...terminal.io, stdout }, fakeLibrary({ model: fakeChatModel() }));
    await terminal.until("ms");
    expect(terminal.isRaw()).toBe(false);
    terminal.type("\x03");
    expect(await ended).toBe(INTERRUPTED.exitCode);
  });
});
