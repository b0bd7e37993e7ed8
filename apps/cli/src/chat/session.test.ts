import { expect, test } from "vitest";
import { type FakeChatModel, fakeChatModel } from "../testing/fake-chat-model.ts";
import { type AnswerOptions, ChatSession } from "./session.ts";
import { plainFormat, prefixFormat, type TurnFormat } from "./turn-format.ts";

const never = new AbortController().signal;

function chat(model: FakeChatModel, format: TurnFormat = plainFormat(), sampling: object = {}): ChatSession {
  return new ChatSession(model, { format, sampling: { maxTokens: 5, ...sampling } });
}

/** What was shown of an answer, and how it went. */
async function answer(session: ChatSession, input: string, options: Partial<AnswerOptions> = {}) {
  let shown = "";
  const result = await session.answer(input, { signal: never, onText: (text) => (shown += text), ...options });
  return { shown, result };
}

/** What comes next is what a model says that has read all of the text at once. */
async function expectExact(session: ChatSession, model: FakeChatModel, text: string): Promise<void> {
  expect(session.text).toBe(text);
  expect(session.tokens).toBe(model.tokenizer?.encode(text).length);
  const { shown } = await answer(session, "+");
  expect(shown).toBe(model.continuation(`${text}+`, 5));
  await session.undo();
}

test.each([0, 1])("each turn costs its own tokens, and continues all that was said (lag %i)", async (lag) => {
  const model = fakeChatModel({ lag });
  const session = chat(model);
  const first = await answer(session, "Once upon a time");
  expect(first.shown).toBe(model.continuation("Once upon a time", 5));
  expect(first.result).toMatchObject({ tokens: 5, readTokens: 16, stopReason: "length", isReadAnew: false });
  const second = await answer(session, " and");
  expect(second.shown).toBe(model.continuation(`Once upon a time${first.shown} and`, 5));
  expect(model.costs).toEqual([16, 4 + lag]);
  expect(session.turns).toEqual([
    { user: "Once upon a time", answer: first.shown },
    { user: " and", answer: second.shown },
  ]);
  await expectExact(session, model, `Once upon a time${first.shown} and${second.shown}`);
  await session.dispose();
  expect(model.live()).toBe(0);
});

test("without input the model goes on, and its turn grows", async () => {
  const model = fakeChatModel();
  const session = chat(model);
  const { shown } = await answer(session, "A");
  const more = await answer(session, "");
  expect(shown + more.shown).toBe(model.continuation("A", 10));
  expect(session.turns).toEqual([{ user: "A", answer: shown + more.shown }]);
  await session.undo();
  expect(session.turns).toEqual([{ user: "A", answer: shown }]);
});

test("without input and text there is nothing to go on from; an opening is text", async () => {
  const model = fakeChatModel();
  expect((await answer(chat(model), "")).result).toBeUndefined();
  expect(model.costs).toEqual([]);
  const session = chat(model, plainFormat("Once"));
  expect(session.text).toBe("Once");
  const { shown } = await answer(session, "");
  expect(shown).toBe(model.continuation("Once", 5));
  await session.reset();
  expect((await answer(session, " upon")).shown).toBe(model.continuation("Once upon", 5));
});

test("undo goes back exactly, turn by turn, also behind a reset", async () => {
  const model = fakeChatModel({ lag: 1 });
  const session = chat(model);
  const texts = [""];
  for (const input of ["A", "B", "C"]) {
    await answer(session, input);
    texts.push(session.text);
  }
  await session.reset();
  expect(session.text).toBe("");
  expect(session.undoSteps).toBe(4);
  for (const text of texts.reverse()) {
    await session.undo();
    if (text !== "") await expectExact(session, model, text);
  }
  expect(session.text).toBe("");
  expect(await session.undo()).toBe(false);
});

test("no more than 32 steps are kept, and no states besides", async () => {
  const model = fakeChatModel();
  const session = chat(model);
  for (let turn = 0; turn < 40; turn++) await answer(session, "x");
  expect(session.undoSteps).toBe(32);
  expect(model.live()).toBe(33);
  while (await session.undo());
  expect(session.turns).toHaveLength(8);
  expect(model.live()).toBe(1);
});

test("retry takes the place of the last answer, with another seed", async () => {
  const model = fakeChatModel();
  const session = chat(model, plainFormat(), { seed: 2 ** 32 - 2 });
  const first = await answer(session, "A");
  let second = "";
  const onText = (text: string) => (second += text);
  expect(await session.retry({ signal: never, onText })).toMatchObject({ tokens: 5 });
  expect(session.turns).toEqual([{ user: "A", answer: second }]);
  expect(second).not.toBe(first.shown);
  expect(model.seeds).toEqual([2 ** 32 - 2, 2 ** 32 - 1]);
  await answer(session, "B");
  expect(model.seeds[2]).toBe(0);
  await session.undo();
  await session.undo();
  expect(session.text).toBe("");
  expect(await session.retry({ signal: never, onText })).toBeUndefined();
  expect(model.live()).toBe(1);
});

test("an answer that is interrupted is what was shown of it", async () => {
  for (const after of [0, 1, 3]) {
    const model = fakeChatModel({ lag: 1 });
    const session = chat(model);
    const { shown: before } = await answer(session, "A");
    const stop = new AbortController();
    let shown = "";
    let tokens = 0;
    if (after === 0) stop.abort(new Error("Ctrl-C"));
    const { result } = await answer(session, "B", {
      signal: stop.signal,
      onText(text) {
        shown += text;
        tokens += 1;
        if (tokens === after) stop.abort(new Error("Ctrl-C"));
      },
    });
    expect(result).toMatchObject({ stopReason: "interrupted", tokens: after });
    expect(shown).toBe(model.continuation(`A${before}B`, after));
    await expectExact(session, model, `A${before}B${shown}`);
    await session.dispose();
    expect(model.live()).toBe(0);
  }
});

test("what a stop text ends is not remembered", async () => {
  const model = fakeChatModel();
  const whole = model.continuation("A", 40);
  const stop = whole.slice(7, 9);
  const session = chat(model, plainFormat(), { maxTokens: 40, stop: [stop] });
  const { shown, result } = await answer(session, "A");
  // Of the two letters the first was told already, as this model holds nothing back.
  expect(shown).toBe(whole.slice(0, 8));
  expect(result?.stopReason).toBe("end");
  session.sampling = { maxTokens: 5 };
  await expectExact(session, model, `A${shown}`);
});

test("an answer that fails leaves everything as it was", async () => {
  let fails = false;
  const onToken = (count: number) => {
    if (fails && count === 2) throw new Error("device lost");
  };
  const model = fakeChatModel({ onToken });
  const session = chat(model);
  await answer(session, "A");
  const { text } = session;
  const live = model.live();
  fails = true;
  await expect(answer(session, "B")).rejects.toThrow("device lost");
  await expect(session.retry({ signal: never, onText: () => {} })).rejects.toThrow("device lost");
  fails = false;
  expect(model.live()).toBe(live);
  await expectExact(session, model, text);
  expect(session.undoSteps).toBe(1);
});

test("forks go their own ways, and keep what was pending", async () => {
  const model = fakeChatModel({ lag: 1 });
  const session = chat(model);
  await answer(session, "A");
  const { text: common } = session;
  session.fork("other");
  await answer(session, "B");
  const { text: main } = session;
  expect(session.branches).toEqual([
    { name: "main", isCurrent: true, tokens: main.length, text: main },
    { name: "other", isCurrent: false, tokens: common.length, text: common },
  ]);
  session.switchTo("other");
  expect(await session.undo()).toBe(false);
  await expectExact(session, model, common);
  await answer(session, "C");
  session.switchTo("main");
  await expectExact(session, model, main);
  await session.undo();
  await expectExact(session, model, common);
  expect(() => session.fork("other")).toThrow("fork other: expected a name that is free");
  expect(() => session.switchTo("ohter")).toThrow("expected one of main, other; did you mean other?");
  await session.dispose();
  expect(model.live()).toBe(0);
});

test("a place that was saved is gone on from exactly, in another session too", async () => {
  const model = fakeChatModel({ lag: 1 });
  const session = chat(model);
  await answer(session, "naïve 🐍");
  const bytes = await session.save();
  const { text, turns } = session;
  await expectExact(session, model, text);

  const other = chat(model);
  await answer(other, "something else");
  const { text: before } = other;
  await other.load(bytes);
  expect(other.turns).toEqual(turns);
  await expectExact(other, model, text);
  await other.undo();
  await expectExact(other, model, before);

  const nothing = chat(model);
  await other.load(await nothing.save());
  expect(other.text).toBe("");
  expect((await answer(other, "A")).shown).toBe(model.continuation("A", 5));
});

test("what cannot be loaded changes nothing", async () => {
  const model = fakeChatModel();
  const session = chat(model);
  await answer(session, "A");
  const bytes = await session.save();
  const { text } = session;
  const live = model.live();
  const damaged = bytes.slice();
  damaged[30] = (damaged[30] as number) ^ 1;
  await expect(session.load(damaged)).rejects.toThrow("the file was changed or cut off");
  await expect(session.load(new Uint8Array())).rejects.toThrow("found an empty file");
  expect(session.text).toBe(text);
  expect(session.undoSteps).toBe(1);
  expect(model.live()).toBe(live);
});

test("prefixes go around what is typed, and end an answer", async () => {
  const model = fakeChatModel();
  const session = chat(model, prefixFormat({ user: "Q: ", assistant: "A:" }, "Questions."));
  const { shown } = await answer(session, "Why?");
  expect(shown).toBe(model.continuation("Questions.\nQ: Why?\nA:", 5));
  await answer(session, "How?");
  expect(session.text.startsWith(`Questions.\nQ: Why?\nA:${shown}\nQ: How?\nA:`)).toBe(true);
  expect(session.turns[0]).toEqual({ user: "Why?", answer: shown });
});

test("a form that writes earlier turns differently has all read anew", async () => {
  const model = fakeChatModel();
  const format: TurnFormat = {
    opening: "",
    next: ({ turns }, input) => `(${turns.length})${turns.map(({ answer }) => answer).join("")}${input}`,
    stops: [],
    addsStartToken: false,
  };
  const session = chat(model, format);
  const { shown } = await answer(session, "A");
  const second = await answer(session, "B");
  expect(second.result).toMatchObject({ isReadAnew: true, readTokens: 3 + 5 + 1 });
  expect(second.shown).toBe(model.continuation(`(1)${shown}B`, 5));
  expect(session.text).toBe(`(1)${shown}B${second.shown}`);
  await session.undo();
  expect(session.text).toBe(`(0)A${shown}`);
  await session.dispose();
  expect(model.live()).toBe(0);
});
