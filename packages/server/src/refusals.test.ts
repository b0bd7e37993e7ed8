/** What is refused, with which status, and that each message names the parameter, what was expected and what was found. */
import { describe, expect, test } from "vitest";
import { ask } from "./testing/ask.ts";

const COMPLETIONS = "/v1/completions";
const CHAT = "/v1/chat/completions";
const USER = { role: "user", content: "Hi" };

interface Case {
  readonly body: object;
  readonly param: string;
  readonly message: string;
  readonly code?: string;
  readonly status?: number;
}

const invalid = (param: string, expected: string, found: string) => ({
  param,
  message: `${param}: expected ${expected}, found ${found}`,
});
const PROMPT = "a text, an array of ids, or an array of either";

const completions: readonly Case[] = [
  { body: {}, ...invalid("prompt", PROMPT, "nothing") },
  { body: { prompt: 7 }, ...invalid("prompt", PROMPT, "7") },
  { body: { prompt: [] }, ...invalid("prompt", `${PROMPT}, and one at least`, "an array of 0") },
  { body: { prompt: [1, "a"] }, ...invalid("prompt[1]", "an id from 0 to 256", '"a"') },
  { body: { prompt: [257] }, ...invalid("prompt[0]", "an id from 0 to 256", "257") },
  { body: { prompt: ["a", [1, -1]] }, ...invalid("prompt[1][1]", "an id from 0 to 256", "-1") },
  { body: { prompt: ["a", {}] }, ...invalid("prompt[1]", "a text or an array of ids", "an object") },
  {
    body: { prompt: [[]] },
    ...{ param: "prompt[0]", message: "prompt[0]: expected 1 to 40 tokens, found 0; shorten it" },
  },
  {
    body: { prompt: "x".repeat(40) },
    ...{ param: "prompt", code: "context_length_exceeded" },
    message: "prompt: expected 1 to 40 tokens, found 41; shorten it",
  },
  {
    body: { prompt: "x".repeat(40 * 8 + 1) },
    ...{ param: "prompt", code: "context_length_exceeded" },
    message: "prompt: expected at most 320 characters, found 321; shorten it",
  },
  { body: { prompt: "a", max_tokens: 51 }, ...invalid("max_tokens", "a whole number from 0 to 50", "51") },
  { body: { prompt: "a", max_tokens: "9" }, ...invalid("max_tokens", "a whole number from 0 to 50", '"9"') },
  { body: { prompt: "a", max_tokens: 1.5 }, ...invalid("max_tokens", "a whole number from 0 to 50", "1.5") },
  { body: { prompt: "a", max_tokens: 3, min_tokens: 4 }, ...invalid("min_tokens", "a whole number from 0 to 3", "4") },
  { body: { prompt: "a", n: 0 }, ...invalid("n", "a whole number from 1 to 6", "0") },
  {
    body: { prompt: ["a", "b"], n: 4 },
    param: "n",
    message: "n: expected at most 6 texts of one request, found 2 prompts times 4; send several requests",
  },
  { body: { prompt: "a", temperature: 2.1 }, ...invalid("temperature", "a number from 0 to 2", "2.1") },
  { body: { prompt: "a", temperature: true }, ...invalid("temperature", "a number from 0 to 2", "true") },
  { body: { prompt: "a", top_p: -0.1 }, ...invalid("top_p", "a number from 0 to 1", "-0.1") },
  {
    body: { prompt: "a", repetition_penalty: 0 },
    ...invalid("repetition_penalty", "a number above 0, to 10", "0"),
  },
  { body: { prompt: "a", frequency_penalty: 3 }, ...invalid("frequency_penalty", "a number from -2 to 2", "3") },
  { body: { prompt: "a", logprobs: true }, ...invalid("logprobs", "a whole number from 0 to 20", "true") },
  { body: { prompt: "a", logit_bias: [] }, ...invalid("logit_bias", "an object", "an array of 0") },
  { body: { prompt: "a", logit_bias: { x: 1 } }, ...invalid("logit_bias", "ids from 0 to 256 as its keys", '"x"') },
  { body: { prompt: "a", logit_bias: { 5: 101 } }, ...invalid("logit_bias.5", "a number from -100 to 100", "101") },
  { body: { prompt: "a", stop: "" }, ...invalid("stop", "a text, or several, none of them empty", '""') },
  { body: { prompt: "a", stop: ["a", 1] }, ...invalid("stop[1]", "a text, or several, none of them empty", "1") },
  { body: { prompt: "a", stop: Array(17).fill("a") }, ...invalid("stop", "at most 16 texts", "an array of 17") },
  { body: { prompt: "a", stop_token_ids: 5 }, ...invalid("stop_token_ids", "an array of ids", "5") },
  {
    body: { prompt: "a", stop_token_ids: Array(17).fill(1) },
    ...invalid("stop_token_ids", "at most 16 ids", "an array of 17"),
  },
  { body: { prompt: "a", stream: "yes" }, ...invalid("stream", "true or false", '"yes"') },
  {
    body: { prompt: "a", stream_options: { include_usage: true } },
    ...invalid("stream_options", 'to be left out where "stream" is not true', "an object"),
  },
  {
    body: { prompt: "a", suffix: "end" },
    ...{ param: "suffix", code: "unsupported_parameter" },
    message:
      "suffix: expected it to be left out, found a value; this model continues a text, and cannot fill a gap in one",
  },
  {
    body: { prompt: "a", n: 2, best_of: 3 },
    ...{ param: "best_of", code: "unsupported_parameter" },
    message:
      'best_of: expected it to be left out, found a value; ask for several texts with "n" and "logprobs", and choose among them',
  },
  {
    body: { prompt: "a", temprature: 1 },
    ...{ param: "temprature", code: "unknown_parameter" },
    message: expect.stringMatching(
      /^temprature: expected one of model, .*temperature.*, found a parameter that is not known/,
    ),
  },
  {
    body: { prompt: "a", model: "gpt-5" },
    ...{ param: "model", code: "model_not_found", status: 404 },
    message: 'model: expected "fake", found "gpt-5"; GET /v1/models lists what is served',
  },
  { body: { prompt: "a", model: 5 }, ...invalid("model", 'a text, "fake"', "5") },
];

const chats: readonly Case[] = [
  { body: {}, ...invalid("messages", "an array of messages, and one at least", "nothing") },
  { body: { messages: [] }, ...invalid("messages", "an array of messages, and one at least", "an array of 0") },
  { body: { messages: ["Hi"] }, ...invalid("messages[0]", 'an object with "role" and "content"', '"Hi"') },
  {
    body: { messages: [USER, { role: "robot", content: "" }] },
    ...invalid("messages[1].role", "system, developer, user, assistant", '"robot"'),
  },
  {
    body: { messages: [{ role: "__proto__", content: "" }] },
    ...invalid("messages[0].role", "system, developer, user, assistant", '"__proto__"'),
  },
  {
    body: { messages: [{ role: "user" }] },
    ...invalid("messages[0].content", 'a text, or an array of parts of type "text"', "nothing"),
  },
  {
    body: { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
    ...invalid("messages[0].content[0].type", '"text"', '"image_url"'),
  },
  { body: { messages: [{ ...USER, name: 5 }] }, ...invalid("messages[0].name", "a text", "5") },
  {
    body: { messages: [{ role: "tool", content: "", tool_call_id: "a" }] },
    ...{ param: 'messages[0].role "tool"', code: "unsupported_parameter" },
    message: 'messages[0].role "tool": expected it to be left out, found a value; this model calls no tools',
  },
  {
    body: { messages: [USER], tools: [{ type: "function" }] },
    ...{ param: "tools", code: "unsupported_parameter" },
    message: "tools: expected it to be left out, found a value; this model calls no tools",
  },
  {
    body: { messages: [USER], response_format: { type: "json_object" } },
    ...{ param: "response_format", code: "unsupported_parameter" },
    message: "response_format: expected it to be left out, found a value; answers are plain text",
  },
  { body: { messages: [USER], max_tokens: 0 }, ...invalid("max_tokens", "a whole number from 1 to 50", "0") },
  {
    body: { messages: [USER], top_logprobs: 2 },
    ...invalid("top_logprobs", 'to be left out where "logprobs" is not true', "2"),
  },
  { body: { messages: [USER], logprobs: 3 }, ...invalid("logprobs", "true or false", "3") },
  {
    body: { messages: [USER], prompt: "a" },
    ...{ param: "prompt", code: "unknown_parameter" },
    message: expect.stringMatching(/^prompt: expected one of model, /),
  },
];

const small = { limits: { promptTokens: 40, maxTokens: 50 }, batchSize: 2, queueSize: 4 };

describe.each([
  ["completions", COMPLETIONS, completions],
  ["chats", CHAT, chats],
])("%s", (_, path, cases) => {
  test.each(cases.map((each) => [JSON.stringify(each.body).slice(0, 70), each] as const))("%s", async (_, each) => {
    const { body, param, message, code = "invalid_value", status = 400 } = each;
    const asked = ask(small);
    const response = await asked.post(path, body);
    expect(await response.json()).toEqual({ error: { message, type: "invalid_request_error", param, code } });
    expect(response.status).toBe(status);
    expect(asked.model.calls).toEqual([]);
  });
});

test("what asks for nothing is taken, though it is not supported", async () => {
  const neutral = {
    ...{ tools: [], tool_choice: "none", parallel_tool_calls: true, response_format: { type: "text" } },
    ...{ modalities: ["text"], audio: null, store: true, metadata: { a: "b" }, service_tier: "auto", user: "me" },
  };
  expect((await ask().post(CHAT, { messages: [USER], max_tokens: 1, ...neutral })).status).toBe(200);
});

describe("bodies", () => {
  const json = (text: string) => new TextEncoder().encode(text);
  test.each([
    ["nothing", "", /expected a JSON object, found nothing$/],
    ["no JSON", '{"prompt": ', /expected a JSON object, found no JSON \(.+\)$/],
    ["an array", "[1]", /expected a JSON object, found an array of 1$/],
    ["null", "null", /expected a JSON object, found null$/],
    ["no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), /expected UTF-8, found bytes that are not$/],
    ["arrays in arrays", "[".repeat(100_000), /found no JSON/],
    ["whole arrays in arrays", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, /found an array of 1$/],
  ])("%s", async (_, body, message) => {
    const response = await ask().post(COMPLETIONS, body);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ type: "invalid_request_error", param: null, code: "invalid_json" });
    expect(error.message).toMatch(message);
    expect(response.status).toBe(400);
  });

  test("with deep values are refused for what they are", async () => {
    const deep = `{"prompt":"a","logit_bias":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}`;
    expect((await ask().json(COMPLETIONS, deep)).error.message).toContain('as its keys, found "a"');
  });

  test("cannot change what other objects have", async () => {
    const body = '{"prompt":"a","max_tokens":1,"__proto__":{"polluted":true}}';
    const { error } = await ask().json(COMPLETIONS, body);
    expect(error).toMatchObject({ param: "__proto__", code: "unknown_parameter" });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("of another type are not read", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"]) {
      const response = await ask().post(COMPLETIONS, "{}", { headers: { "Content-Type": type } });
      expect(response.status).toBe(415);
      expect((await response.json()).error.message).toContain(`found "${type}"`);
    }
    const zipped = await ask().post(COMPLETIONS, "{}", { headers: { "Content-Encoding": "gzip" } });
    expect(zipped.status).toBe(415);
  });

  test("beyond the limit are not read, whether they say how long they are or not", async () => {
    const { post } = ask({ limits: { bodyByteLength: 100 } });
    const stated = await post(COMPLETIONS, json(" ".repeat(101)), { headers: { "Content-Length": "101" } });
    expect(stated.status).toBe(413);
    const chunks = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(60)),
    });
    const streamed = await post(COMPLETIONS, "", { body: chunks, duplex: "half" } as RequestInit);
    expect(streamed.status).toBe(413);
    expect((await streamed.json()).error.message).toContain("expected at most 100 bytes");
  });
});

describe("addresses", () => {
  test("that are none answer 404, and those with another method 405", async () => {
    const { get, post } = ask();
    const unknown = await get("/v1/embeddings");
    expect(unknown.status).toBe(404);
    expect((await unknown.json()).error).toMatchObject({ code: "unknown_url", type: "invalid_request_error" });
    const wrong = await get(COMPLETIONS);
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("POST");
    expect((await post("/health", {})).headers.get("allow")).toBe("GET");
    expect((await get(CHAT, { method: "OPTIONS" })).status).toBe(405);
  });
});
