/** The clients that people have work unchanged: the official `openai`, and the AI SDK. Over a real port, on a model that computes nothing. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createServer, type ServerOptions } from "./create-server.ts";
import { type Listener, listen } from "./node.ts";
import {
  BOS,
  type FakeModel,
  type FakeModelOptions,
  fakeModel,
  fakeText,
  fakeTokenizer,
} from "./testing/fake-model.ts";

const idsOf = (text: string) => [BOS, ...fakeTokenizer.encode(text)];
const CHAT_PROMPT = "User: Hi\n\nAssistant:";
const MESSAGES = [{ role: "user" as const, content: "Hi" }];

const listeners: Listener[] = [];

async function start(options: Partial<ServerOptions> = {}, modelOptions: FakeModelOptions = {}) {
  const model: FakeModel = fakeModel(modelOptions);
  const server = createServer(model, { modelName: "fake", keys: ["secret"], ...options });
  const listener = await listen(server, { port: 0 });
  listeners.push(listener);
  await server.ready;
  const baseURL = `${listener.url}/v1`;
  const openai = new OpenAI({ baseURL, apiKey: "secret" });
  const provider = createOpenAICompatible({ name: "blackmamba", baseURL, apiKey: "secret", includeUsage: true });
  return { model, server, baseURL, openai, provider };
}

type Started = Awaited<ReturnType<typeof start>>;
let started: Started;

beforeAll(async () => {
  started = await start();
});

afterAll(() => Promise.all(listeners.map((listener) => listener.close({ deadlineMs: 0 }))));

describe("openai", () => {
  test("completes", async () => {
    const completion = await started.openai.completions.create({ model: "fake", prompt: "Hello", max_tokens: 8 });
    expect(completion.choices[0]).toMatchObject({ text: fakeText(idsOf("Hello"), 8), finish_reason: "length" });
    expect(completion.usage).toEqual({ prompt_tokens: 6, completion_tokens: 8, total_tokens: 14 });
  });

  test("completes several prompts, with log-probabilities", async () => {
    const prompts = [[1, 2], [3]];
    const body = { model: "fake", prompt: prompts, max_tokens: 3, logprobs: 2, echo: true };
    const { choices } = await started.openai.completions.create(body);
    expect(choices.map(({ logprobs }) => logprobs?.tokens?.length)).toEqual([5, 4]);
    expect(choices[1]?.logprobs?.top_logprobs?.[1]).toMatchObject({ A: -0.5, B: -1.5 });
  });

  test("streams a completion", async () => {
    const stream = await started.openai.completions.create({
      ...{ model: "fake", prompt: "Hello", max_tokens: 8, stream: true, stream_options: { include_usage: true } },
    });
    let text = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      usage = chunk.usage;
    }
    expect(text).toBe(fakeText(idsOf("Hello"), 8));
    expect(usage).toEqual({ prompt_tokens: 6, completion_tokens: 8, total_tokens: 14 });
  });

  test("chats", async () => {
    const { choices } = await started.openai.chat.completions.create({
      ...{ model: "fake", messages: MESSAGES, max_completion_tokens: 8, logprobs: true, top_logprobs: 1 },
    });
    expect(choices[0]?.message).toEqual({
      ...{ role: "assistant", content: fakeText(idsOf(CHAT_PROMPT), 8), refusal: null },
    });
    expect(choices[0]?.logprobs?.content).toHaveLength(8);
  });

  test("streams a chat, by hand and with its helper", async () => {
    const body = { model: "fake", messages: MESSAGES, max_completion_tokens: 8 };
    const expected = fakeText(idsOf(CHAT_PROMPT), 8);
    let text = "";
    for await (const chunk of await started.openai.chat.completions.create({ ...body, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe(expected);
    const final = await started.openai.chat.completions.stream(body).finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      message: { role: "assistant", content: expected },
      finish_reason: "length",
    });
  });

  test("lists models", async () => {
    const names: string[] = [];
    for await (const { id } of started.openai.models.list()) names.push(id);
    expect(names).toEqual(["fake"]);
    expect(await started.openai.models.retrieve("fake")).toMatchObject({ id: "fake", object: "model" });
  });

  test("throws its own errors", async () => {
    const { openai, baseURL } = started;
    const create = (body: object) => openai.completions.create({ model: "fake", prompt: "x", ...body });
    await expect(create({ temperature: 5 })).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      ...{ status: 400, param: "temperature", code: "invalid_value", type: "invalid_request_error" },
      message: "400 temperature: expected a number from 0 to 2, found 5",
    });
    await expect(create({ model: "other" })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const stranger = new OpenAI({ baseURL, apiKey: "wrong" });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });

  test("comes again when the queue is full, and gives up in the end", async () => {
    const { openai, model } = await start({ batchSize: 1, queueSize: 0 }, { stepMs: 5 });
    const slow = openai.completions.create({ model: "fake", prompt: "x", max_tokens: 100 });
    await vi.waitFor(() => expect(model.batcher.active).toBe(1));
    const impatient = openai.completions.create({ model: "fake", prompt: "y" }, { maxRetries: 0 });
    await expect(impatient).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    // Retry-After says a second, after which the other is done.
    const patient = await openai.completions.create({ model: "fake", prompt: "y", max_tokens: 2 });
    expect(patient.choices[0]?.text).toBe(fakeText(idsOf("y"), 2));
    await slow;
  });

  test("does not come again after a time-out", async () => {
    const { openai, model } = await start({ timeoutMs: 30 }, { stepMs: 5 });
    const late = openai.completions.create({ model: "fake", prompt: "x", max_tokens: 4000 });
    await expect(late).rejects.toMatchObject({ status: 504, code: "timeout" });
    expect(model.calls).toHaveLength(1);
  });

  test("throws what breaks a stream", async () => {
    const { openai } = await start({}, { failure: { error: new Error("broken"), after: 2 } });
    const stream = await openai.completions.create({ model: "fake", prompt: "x", stream: true });
    const read = async () => {
      let chunks = 0;
      for await (const _ of stream) chunks += 1;
      return chunks;
    };
    await expect(read()).rejects.toMatchObject({ code: "internal_error" });
  });

  test("ends a stream early, which frees its place within a step", async () => {
    const stepMs = 50;
    const { openai, model } = await start({}, { stepMs });
    const stream = await openai.completions.create({ model: "fake", prompt: "x", max_tokens: 4000, stream: true });
    for await (const _ of stream) break;
    await vi.waitFor(() => expect(model.batcher.active).toBe(0), { interval: 1, timeout: stepMs });

    const controller = new AbortController();
    const whole = openai.completions.create(
      { model: "fake", prompt: "x", max_tokens: 4000 },
      { signal: controller.signal },
    );
    await vi.waitFor(() => expect(model.batcher.active).toBe(1));
    controller.abort();
    await expect(whole).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await vi.waitFor(() => expect(model.batcher.active).toBe(0), { interval: 1, timeout: stepMs });
  });
});

describe("the AI SDK", () => {
  test("generates text of a prompt", async () => {
    const { provider } = started;
    const { text, usage, finishReason } = await generateText({
      ...{ model: provider.completionModel("fake"), prompt: "Hello", maxOutputTokens: 8 },
    });
    expect(text).toHaveLength(8);
    expect(usage.outputTokens).toBe(8);
    expect(finishReason).toBe("length");
  });

  test("chats, with settings", async () => {
    const { provider, model } = started;
    const { text, usage } = await generateText({
      ...{ model: provider.chatModel("fake"), messages: MESSAGES, maxOutputTokens: 8 },
      ...{ temperature: 0.3, topP: 0.9, seed: 3, stopSequences: ["!"], frequencyPenalty: 0.5, presencePenalty: 0.5 },
    });
    expect(text).toBe(fakeText(idsOf(CHAT_PROMPT), 8, 3));
    expect(usage).toMatchObject({ inputTokens: idsOf(CHAT_PROMPT).length, outputTokens: 8 });
    expect(model.calls.at(-1)?.options).toMatchObject({ temperature: 0.3, topP: 0.9, seed: 3, frequencyPenalty: 0.5 });
  });

  test("streams a chat and a completion", async () => {
    const { provider } = started;
    for (const model of [provider.chatModel("fake"), provider.completionModel("fake")]) {
      const result = streamText({ model, messages: MESSAGES, maxOutputTokens: 8 });
      let text = "";
      for await (const piece of result.textStream) text += piece;
      expect(text).toHaveLength(8);
      expect((await result.usage).outputTokens).toBe(8);
      expect(await result.finishReason).toBe("length");
    }
  });

  test("throws its own errors", async () => {
    const { provider } = started;
    const wrong = generateText({ model: provider.chatModel("other"), messages: MESSAGES, maxRetries: 0 });
    const error = await wrong.catch((caught: unknown) => caught);
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 404, message: expect.stringContaining('model: expected "fake"') });
  });

  test("ends a stream early", async () => {
    const { provider, model } = await start({}, { stepMs: 20 });
    const controller = new AbortController();
    const { textStream } = streamText({
      ...{ model: provider.chatModel("fake"), messages: MESSAGES, abortSignal: controller.signal, onError: () => {} },
    });
    for await (const _ of textStream) controller.abort();
    await vi.waitFor(() => expect(model.batcher.active).toBe(0));
  });
});
