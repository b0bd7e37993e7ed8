/** Sessions with a real model: what a session's states have read is exactly its text. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlackMamba, BlackMamba as Model, selectDevice } from "@blackmamba/model";
import { modelFolder } from "@blackmamba/storyteller";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { realLibrary } from "../real-library.ts";
import { run } from "../run.ts";
import { fakeIo } from "../testing/fake-io.ts";
import { fakeTerminal } from "../testing/fake-terminal.ts";
import { decodeChat } from "./chat-file.ts";
import { type AnswerOptions, ChatSession } from "./session.ts";
import { plainFormat } from "./turn-format.ts";

const never = new AbortController().signal;

async function answer(session: ChatSession, input: string, options: Partial<AnswerOptions> = {}) {
  let shown = "";
  const result = await session.answer(input, { signal: never, onText: (text) => (shown += text), ...options });
  return { shown, result };
}

describe.each(inject("devices"))("on %s", (device) => {
  let model: BlackMamba;

  beforeAll(async () => {
    const selected = await selectDevice(device);
    model = await Model.load(modelFolder, { device: selected.device });
  });

  afterAll(() => model.dispose());

  const greedy = (maxTokens: number, stop?: readonly string[]) =>
    new ChatSession(model, { format: plainFormat(), sampling: { maxTokens, temperature: 0, stop } });

  const encode = (text: string) => model.tokenizer?.encode(text) ?? [];
  /** As a text begins: with the start token. */
  const begin = (text: string) => model.tokenizer?.encodePrompt(text) ?? [];

  /** Ids of the likeliest continuation of ids. */
  async function continuation(ids: readonly number[], maxTokens: number): Promise<number[]> {
    const chosen: number[] = [];
    for await (const { id } of model.generate(ids, { maxTokens })) chosen.push(id);
    return chosen;
  }

  /** What a session has come to is what a state has that reads these ids. */
  async function expectRead(session: ChatSession, ids: readonly number[]): Promise<void> {
    expect(session.tokens).toBe(ids.length);
    expect(session.text).toBe(model.tokenizer?.decode(ids, { skipSpecialTokens: true }));
    const fresh = model.createState();
    const expected = await fresh.advance(ids);
    const saved = await model.loadState(decodeChat(await session.save()).state);
    const found = await saved.logits();
    expect(saved.position).toBe(ids.length);
    let largest = 0;
    for (const [id, logit] of expected.entries()) largest = Math.max(largest, Math.abs(logit - (found[id] as number)));
    // A prompt and single tokens are added up in another order.
    expect(largest).toBeLessThan(1e-3);
    await fresh.dispose();
    await saved.dispose();
  }

  test("turns go on from one another, and undo goes back", async () => {
    const session = greedy(8);
    const first = [...begin("The dog was"), ...(await continuation(begin("The dog was"), 8))];
    const second = [...first, ...encode(" Then a cat")];
    const third = [...second, ...(await continuation(second, 8))];
    await answer(session, "The dog was");
    await expectRead(session, first);
    const { result } = await answer(session, " Then a cat");
    expect(result?.readTokens).toBe(encode(" Then a cat").length);
    await expectRead(session, third);
    session.fork("kept");
    await session.undo();
    await expectRead(session, first);
    session.switchTo("kept");
    await expectRead(session, third);
    await session.dispose();
  });

  test("an interrupted answer has been read as far as it was shown", async () => {
    const ids = begin("One day, a little girl");
    const whole = await continuation(ids, 8);
    for (const after of [1, 8]) {
      const session = greedy(2000);
      const stop = new AbortController();
      const onText = (_: string, tokens: number) => {
        if (tokens === after) stop.abort(new Error("Ctrl-C"));
      };
      const { result } = await answer(session, "One day, a little girl", { signal: stop.signal, onText });
      expect(result).toMatchObject({ stopReason: "interrupted", tokens: after });
      await expectRead(session, [...ids, ...whole.slice(0, after)]);
      await session.dispose();
    }
  });

  test("of an answer that was interrupted at once, what was typed is read", async () => {
    const session = greedy(10);
    const { result } = await answer(session, "The dog was", { signal: AbortSignal.abort(new Error("Ctrl-C")) });
    expect(result).toMatchObject({ stopReason: "interrupted", tokens: 0 });
    await expectRead(session, begin("The dog was"));
    await session.dispose();
  });

  test("what a stop text cuts off a token was not read", async () => {
    const ids = begin("The dog was");
    const whole = model.tokenizer?.decode(await continuation(ids, 20)) ?? "";
    // From the middle of a word on.
    const stop = whole.slice(9, 14);
    const session = greedy(20, [stop]);
    const { shown, result } = await answer(session, "The dog was");
    expect(shown).toBe(whole.slice(0, 9));
    expect(result?.stopReason).toBe("end");
    const tokens = await continuation(ids, 20);
    let kept = 0;
    while (model.tokenizer && shown.startsWith(model.tokenizer.decode(tokens.slice(0, kept + 1)))) kept += 1;
    const rest = shown.slice(model.tokenizer?.decode(tokens.slice(0, kept)).length);
    expect(rest).not.toBe("");
    await expectRead(session, [...ids, ...tokens.slice(0, kept), ...encode(rest)]);
    await session.dispose();
  });

  test("a place that was saved is gone on from", async () => {
    const session = greedy(8);
    await answer(session, "The dog was");
    const bytes = await session.save();
    const on = await answer(session, " Then");
    const other = greedy(8);
    await other.load(bytes);
    expect(await answer(other, " Then")).toMatchObject({ shown: on.shown });
    await session.dispose();
    await other.dispose();
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

describe("the command in a terminal", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "blackmamba-chat-"));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("shows what the guide shows", async () => {
    const guide = await readFile(new URL("../../../../docs/guides/chat.md", import.meta.url), "utf8");
    const [, command = "", shown = ""] = /```sh\nnpx blackmamba (chat .*)\n```\n\n```text\n(.*?)```/s.exec(guide) ?? [];
    const terminal = fakeTerminal();
    const ended = run(command.split(" "), terminal.io, realLibrary);
    for (const [, line] of shown.matchAll(/^> (.*)$/gm)) {
      await terminal.until("\n>");
      terminal.type(`${line}\r`);
      // The screen ends like that again only with the next prompt.
      await terminal.contains(new RegExp(`^> ${escaped(line as string)}\\n.*\\n>$`, "ms"));
    }
    const screen = await terminal.screen();
    let at = 0;
    for (const part of shown.split("…").map((each) => each.trim())) {
      const found = screen.indexOf(part, at);
      expect(found, `${JSON.stringify(part)} after ${at} in ${screen}`).toBeGreaterThanOrEqual(0);
      at = found + part.length;
    }
    expect(shown.split("…").length).toBeGreaterThan(3);
    terminal.type("\x04");
    expect(await ended).toBe(0);
  });

  test("refuses what another precision has saved", async () => {
    const file = join(folder, "other.chat");
    const io = (input: string) => fakeIo({ input });
    const args = ["chat", "--device", "cpu", "--max-tokens", "2"];
    expect(await run(args, io(`The dog was\n/save ${file}\n`), realLibrary)).toBe(0);
    const other = io("");
    expect(await run([...args, "--quantize", "q4_0", "--load", file], other, realLibrary)).toBe(1);
    expect(other.err()).toMatch(
      /blackmamba: .*other\.chat: the saved state: expected one of this model, .*, found one of/,
    );
    expect(other.out()).toBe("");
  });

  test("answers, is stopped by Ctrl-C, goes on, saves and loads", async () => {
    const file = join(folder, "story.chat");
    const args = ["chat", "--device", "cpu", "--temperature", "0"];
    const terminal = fakeTerminal();
    const ended = run([...args, "--max-tokens", "100000"], terminal.io, realLibrary);
    await terminal.until("Ctrl-D leaves.\n>");
    terminal.type("The dog was\r");
    await terminal.contains(/^> The dog was\n very hungry\. He/m);
    terminal.type("\x03");
    await terminal.until("; stopped\n>");
    terminal.type("/set max-tokens 5\r");
    await terminal.until("max-tokens 5\n>");
    terminal.type(" Then\r");
    await terminal.until("; more with an empty line\n>");
    terminal.type(`/save ${file}\r`);
    await terminal.contains(/written\n>/);
    terminal.type("/history\r");
    await terminal.contains(/^> \/history\nThe dog was very hungry\. He/m);
    terminal.type("\x04");
    expect(await ended).toBe(0);

    const text = ((await terminal.screen()).split("> /history\n")[1] as string).replace(/\n>$/, "");
    const later = fakeTerminal();
    const again = run([...args, "--load", file], later.io, realLibrary);
    await later.until("\n>");
    expect(await later.screen()).toContain(`Ctrl-D leaves.\n${text}\n>`);
    later.type("\x04");
    expect(await again).toBe(0);
  });
});
