/** `POST /v1/completions`: what is answered, whole and streamed, and how it is asked of the batcher. */
import { describe, expect, test } from "vitest";
import { ask } from "./testing/ask.ts";
import { BOS, fakeLogprob, fakeText, fakeTokenizer } from "./testing/fake-model.ts";

const PATH = "/v1/completions";
const idsOf = (text: string) => [BOS, ...fakeTokenizer.encode(text)];

describe("a whole answer", () => {
  test("of one text has OpenAI's form", async () => {
    const { json } = ask();
    const before = Math.floor(Date.now() / 1000);
    const answer = await json(PATH, { model: "fake", prompt: "Hello" });
    expect(answer).toEqual({
      id: expect.stringMatching(/^cmpl-[0-9a-f-]{36}$/),
      object: "text_completion",
      created: expect.any(Number),
      model: "fake",
      // OpenAI's default is 16 tokens.
      choices: [{ index: 0, text: fakeText(idsOf("Hello"), 16), logprobs: null, finish_reason: "length" }],
      usage: { prompt_tokens: 6, completion_tokens: 16, total_tokens: 22 },
    });
    expect(answer.created).toBeGreaterThanOrEqual(before);
  });

  test("of several prompts, each several times, numbers all of them", async () => {
    const { json, model } = ask();
    const answer = await json(PATH, { prompt: ["One", "Two"], n: 2, max_tokens: 5, seed: 9 });
    expect(answer.choices.map((choice: { index: number; text: string }) => [choice.index, choice.text])).toEqual([
      [0, fakeText(idsOf("One"), 5, 9)],
      [1, fakeText(idsOf("One"), 5, 10)],
      [2, fakeText(idsOf("Two"), 5, 9)],
      [3, fakeText(idsOf("Two"), 5, 10)],
    ]);
    expect(answer.usage).toEqual({ prompt_tokens: 8, completion_tokens: 20, total_tokens: 28 });
    expect(model.calls.map(({ options }) => options.seed)).toEqual([9, 10, 9, 10]);
  });

  test.each([
    ["ids", [72, 105], [[72, 105]]],
    ["several as ids", [[72], [105]], [[72], [105]]],
    ["texts and ids", ["H", [105]], [[BOS, 72], [105]]],
    ["a text that begins with the start token itself", "<s>H", [[BOS, 72]]],
  ])("of a prompt as %s reads just those", async (_, prompt, expected) => {
    const { json, model } = ask();
    const answer = await json(PATH, { prompt, max_tokens: 1 });
    expect(answer.choices).toHaveLength(expected.length);
    expect(model.calls.map(({ ids }) => ids)).toEqual(expected);
  });

  test("ends where the model ends it, or a stop string", async () => {
    const ended = await ask({}, { length: 3 }).json(PATH, { prompt: "x", max_tokens: 9 });
    expect(ended.choices[0]).toMatchObject({ text: fakeText(idsOf("x"), 3), finish_reason: "stop" });
    const text = fakeText(idsOf("x"), 9);
    const stopped = await ask().json(PATH, { prompt: "x", max_tokens: 9, stop: text.slice(4, 6) });
    expect(stopped.choices[0]).toMatchObject({ text: text.slice(0, 4), finish_reason: "stop" });
  });
});

test("every parameter reaches the batcher, in its terms", async () => {
  const { post, model } = ask();
  const response = await post(PATH, {
    ...{ model: "fake", prompt: "x", n: 1, best_of: 1, suffix: null, user: "someone", max_tokens: 7, min_tokens: 2 },
    ...{ temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.1, typical_p: 0.8, repetition_penalty: 1.1 },
    ...{ frequency_penalty: -1, presence_penalty: 1.5, logit_bias: { 65: -100, 66: 5 }, seed: -1 },
    ...{ stop: ["a", "bc"], stop_token_ids: [3], logprobs: 4, echo: true, stream: false, stream_options: null },
  });
  expect(response.status).toBe(200);
  const { signal, ...options } = model.calls[0]!.options;
  expect(signal).toBeInstanceOf(AbortSignal);
  expect(options).toEqual({
    ...{ maxTokens: 7, minTokens: 2, temperature: 0.5, topP: 0.9, topK: 40, minP: 0.1, typicalP: 0.8 },
    ...{ repetitionPenalty: 1.1, frequencyPenalty: -1, presencePenalty: 1.5, logitBias: { 65: -100, 66: 5 } },
    ...{ seed: 2 ** 32 - 1, stop: ["a", "bc"], stopIds: [3], logprobs: 4, echo: true },
  });
});

test("what is left out is as OpenAI has it", async () => {
  const { post, model } = ask();
  await post(PATH, { prompt: "x", top_k: -1, top_p: 0 });
  const { signal: _, ...options } = model.calls[0]!.options;
  // `top_p` 0 is the likeliest token alone.
  expect(JSON.parse(JSON.stringify(options))).toEqual({ maxTokens: 16, temperature: 1, topP: 1e-9, echo: false });
});

describe("log-probabilities", () => {
  test("are lists of tokens, of what was taken and of the likeliest, and of where each begins", async () => {
    const { json } = ask();
    const { choices } = await json(PATH, { prompt: "Hé", max_tokens: 2, logprobs: 2 });
    const [first, second] = fakeText(idsOf("Hé"), 2) as unknown as [string, string];
    const logprob = (text: string) => fakeLogprob(text.charCodeAt(0));
    expect(choices[0].logprobs).toEqual({
      tokens: [first, second],
      token_logprobs: [logprob(first), logprob(second)],
      top_logprobs: [
        { A: -0.5, B: -1.5, [first]: logprob(first) },
        { A: -0.5, B: -1.5, [second]: logprob(second) },
      ],
      // Behind the prompt's two characters.
      text_offset: [2, 3],
    });
  });

  test("of 0 alternatives are those of what was taken", async () => {
    const { choices } = await ask().json(PATH, { prompt: "x", max_tokens: 1, logprobs: 0 });
    expect(Object.keys(choices[0].logprobs.top_logprobs[0])).toEqual(choices[0].logprobs.tokens);
  });

  test("name half a character by its id", async () => {
    const { choices } = await ask().json(PATH, { prompt: [0xc3, 0xa9], max_tokens: 0, logprobs: 0, echo: true });
    expect(choices[0].logprobs.tokens).toEqual(["token_id:195", "token_id:169"]);
  });
});

describe("echo", () => {
  test("gives the prompt as it was sent, without the start token", async () => {
    const { choices, usage } = await ask().json(PATH, { prompt: "Hi", max_tokens: 0, echo: true, logprobs: 1 });
    expect(choices[0].text).toBe("Hi");
    expect(choices[0].logprobs.tokens).toEqual(["H", "i"]);
    expect(choices[0].logprobs.token_logprobs).toEqual([fakeLogprob(72), fakeLogprob(105)]);
    expect(choices[0].logprobs.text_offset).toEqual([0, 1]);
    expect(usage).toEqual({ prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 });
  });

  // As lm-eval asks: ids of context and continuation, and one token more.
  test("of ids gives exactly these, the first without a log-probability", async () => {
    const { choices } = await ask().json(PATH, { prompt: [72, 105, 33], max_tokens: 1, echo: true, logprobs: 1 });
    expect(choices[0].logprobs.token_logprobs.slice(0, 3)).toEqual([null, fakeLogprob(105), fakeLogprob(33)]);
    expect(choices[0].logprobs.top_logprobs.slice(0, 2)).toEqual([null, { A: -0.5, i: fakeLogprob(105) }]);
    expect(choices[0].logprobs.tokens).toHaveLength(4);
    expect(choices[0].text).toBe(`Hi!${fakeText([72, 105, 33], 1)}`);
  });
});

describe("a stream", () => {
  test("has a chunk for each token, one for the end, and [DONE]", async () => {
    const { events, isDone } = await ask().events(PATH, { prompt: "Hello", max_tokens: 3 });
    const text = fakeText(idsOf("Hello"), 3);
    const choices = events.map((event) => event.choices[0]);
    expect(choices).toEqual([
      ...[...text].map((each) => ({ index: 0, text: each, logprobs: null, finish_reason: null })),
      { index: 0, text: "", logprobs: null, finish_reason: "length" },
    ]);
    expect(new Set(events.map(({ id, object, model }) => `${id} ${object} ${model}`)).size).toBe(1);
    expect(events[0]).toMatchObject({ object: "text_completion", model: "fake" });
    expect(isDone).toBe(true);
  });

  test("says at its end how many tokens there were, where that is asked for", async () => {
    const body = { prompt: "Hello", max_tokens: 3, stream_options: { include_usage: true } };
    const { events, isDone } = await ask().events(PATH, body);
    expect(events.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 6, completion_tokens: 3, total_tokens: 9 },
    });
    expect(events.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null, null, null]);
    expect(isDone).toBe(true);
  });

  test("of several texts keeps them apart", async () => {
    const { events } = await ask({ batchSize: 3 }).events(PATH, { prompt: ["a", "b"], n: 2, max_tokens: 6, seed: 1 });
    const texts = ["", "", "", ""];
    for (const { choices } of events) texts[choices[0].index] += choices[0].text;
    expect(texts).toEqual(
      [
        ["a", 1],
        ["a", 2],
        ["b", 1],
        ["b", 2],
      ].map(([text, seed]) => fakeText(idsOf(String(text)), 6, Number(seed))),
    );
  });

  test("has log-probabilities that go on from chunk to chunk", async () => {
    const { events } = await ask().events(PATH, { prompt: "Hi", max_tokens: 3, logprobs: 0 });
    const logprobs = events.slice(0, -1).map(({ choices }) => choices[0].logprobs);
    expect(logprobs.map(({ text_offset }) => text_offset)).toEqual([[2], [3], [4]]);
    expect(logprobs.map(({ tokens }) => tokens[0]).join("")).toBe(fakeText(idsOf("Hi"), 3));
  });

  test("echoes the prompt first", async () => {
    const { events } = await ask().events(PATH, { prompt: "Hi", max_tokens: 1, echo: true });
    expect(events.map(({ choices }) => choices[0].text)).toEqual(["H", "i", fakeText(idsOf("Hi"), 1), ""]);
  });

  test("is told not to be cached or held back", async () => {
    const response = await ask().post(PATH, { prompt: "x", stream: true });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    await response.text();
  });

  test("that breaks says so where its next token would be, and does not say [DONE]", async () => {
    const asked = ask({}, { failure: { error: new Error("a secret"), after: 2 } });
    const { events, isDone } = await asked.events(PATH, { prompt: "x" });
    expect(events).toHaveLength(3);
    expect(events[2].error).toMatchObject({ type: "server_error", code: "internal_error", param: null });
    expect(JSON.stringify(events)).not.toContain("a secret");
    expect(isDone).toBe(false);
    expect(asked.records[0]).toMatchObject({ status: 500, completionTokens: 2 });
    expect(asked.records[0]?.error?.cause).toEqual(new Error("a secret"));
    expect(asked.model.batcher.active).toBe(0);
  });
});
