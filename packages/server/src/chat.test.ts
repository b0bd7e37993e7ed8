/** `POST /v1/chat/completions`: what the model reads of a chat, and what is answered. */
import { describe, expect, test } from "vitest";
import { ask } from "./testing/ask.ts";
import { BOS, fakeLogprob, fakeText, fakeTokenizer } from "./testing/fake-model.ts";

const PATH = "/v1/chat/completions";
const USER = { role: "user", content: "Hi" };
const PROMPT = "User: Hi\n\nAssistant:";
const idsOf = (text: string) => [BOS, ...fakeTokenizer.encode(text)];

test("an answer has OpenAI's form", async () => {
  const answer = await ask().json(PATH, { model: "fake", messages: [USER], max_tokens: 5 });
  expect(answer).toEqual({
    id: expect.stringMatching(/^chatcmpl-/),
    object: "chat.completion",
    created: expect.any(Number),
    model: "fake",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: fakeText(idsOf(PROMPT), 5), refusal: null },
        logprobs: null,
        finish_reason: "length",
      },
    ],
    usage: { prompt_tokens: idsOf(PROMPT).length, completion_tokens: 5, total_tokens: idsOf(PROMPT).length + 5 },
  });
});

describe("what the model reads", () => {
  const promptOf = async (messages: object[], chatTemplate?: string) => {
    const { post, model } = ask({ chatTemplate });
    const response = await post(PATH, { messages, max_tokens: 1 });
    expect(response.status).toBe(200);
    return fakeTokenizer.decode(model.calls[0]!.ids);
  };

  test("is a transcript, where the model brings no template", async () => {
    const messages = [
      { role: "system", content: "You are kind." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello." },
      {
        role: "user",
        content: [
          { type: "text", text: "Who " },
          { type: "text", text: "are you?" },
        ],
      },
    ];
    const prompt = "<s>You are kind.\n\nUser: Hi\n\nAssistant: Hello.\n\nUser: Who are you?\n\nAssistant:";
    expect(await promptOf(messages)).toBe(prompt);
    expect(await promptOf([{ ...messages[0], role: "developer" }, ...messages.slice(1)])).toBe(prompt);
  });

  test("is what a template makes, with one start token", async () => {
    const template = `{{ bos_token }}{% for m in messages %}[{{ m.role }}{% if m.name %} {{ m.name }}{% endif %}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}`;
    expect(await promptOf([{ ...USER, name: "Ann" }], template)).toBe("<s>[user Ann]Hi<s>[assistant]");
    expect(await promptOf([USER], "{% for m in messages %}{{ m.content }}{% endfor %}")).toBe("<s>Hi");
  });

  test("ends at the next turn of the transcript, and at stop strings beside that", async () => {
    const { post, model } = ask();
    await post(PATH, { messages: [USER], stop: "x" });
    expect(model.calls[0]?.options.stop).toEqual(["x", "\nUser:"]);
    const own = ask({ chatTemplate: "{{ messages[0].content }}" });
    await own.post(PATH, { messages: [USER] });
    expect(own.model.calls[0]?.options.stop).toEqual([]);
  });

  test("is nothing where the template refuses, which says why", async () => {
    const { json } = ask({ chatTemplate: "{{ raise_exception('only one message') }}" });
    expect((await json(PATH, { messages: [USER] })).error).toMatchObject({
      message: expect.stringContaining("only one message"),
      param: "messages",
      code: "invalid_value",
    });
  });
});

test("lengths: the newer name goes first, and without one the limit is it", async () => {
  const { post, model } = ask({ limits: { maxTokens: 33 } });
  await post(PATH, { messages: [USER], max_completion_tokens: 4, max_tokens: 5 });
  await post(PATH, { messages: [USER], max_tokens: 5 });
  await post(PATH, { messages: [USER] });
  expect(model.calls.map(({ options }) => options.maxTokens)).toEqual([4, 5, 33]);
});

test("log-probabilities have bytes, and the likeliest where they are asked for", async () => {
  const body = { messages: [USER], max_tokens: 1, logprobs: true, top_logprobs: 1 };
  const { choices } = await ask().json(PATH, body);
  const [token] = fakeText(idsOf(PROMPT), 1) as unknown as [string];
  const code = token.charCodeAt(0);
  expect(choices[0].logprobs).toEqual({
    content: [
      {
        ...{ token, logprob: fakeLogprob(code), bytes: [code] },
        top_logprobs: [{ token: "A", logprob: -0.5, bytes: [65] }],
      },
    ],
    refusal: null,
  });
});

describe("a stream", () => {
  test("begins with the role, and ends with a reason", async () => {
    const { events, isDone } = await ask().events(PATH, { messages: [USER], max_tokens: 2 });
    const [a, b] = fakeText(idsOf(PROMPT), 2) as unknown as [string, string];
    expect(events.map(({ choices }) => choices[0])).toEqual([
      { index: 0, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: a }, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: b }, logprobs: null, finish_reason: null },
      { index: 0, delta: {}, logprobs: null, finish_reason: "length" },
    ]);
    expect(events[0]).toMatchObject({ object: "chat.completion.chunk", id: expect.stringMatching(/^chatcmpl-/) });
    expect(isDone).toBe(true);
  });

  test("begins each of several texts with the role", async () => {
    const { events } = await ask().events(PATH, { messages: [USER], n: 2, max_tokens: 1 });
    const roles = events.filter(({ choices }) => choices[0].delta.role !== undefined);
    expect(roles.map(({ choices }) => choices[0].index).sort()).toEqual([0, 1]);
  });
});
