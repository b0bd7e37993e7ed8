/** What a server does beside answering: who may ask, how many at once, for how long, what is counted, and how it begins and ends. */
import { describe, expect, test, vi } from "vitest";
import { createServer } from "./create-server.ts";
import type { ServedModel } from "./served-model.ts";
import { ask, readEvents } from "./testing/ask.ts";
import { fakeModel } from "./testing/fake-model.ts";

const PATH = "/v1/completions";
/** Takes until it is ended. */
const ENDLESS = { prompt: "x", max_tokens: 4096 };
const SLOW = { stepMs: 5 };

describe("keys", () => {
  const keys = ["first-key", "second-key"];
  const withKey = (authorization: string) => ({ headers: { Authorization: authorization } });

  test("let those through who have one", async () => {
    const { post, get } = ask({ keys });
    for (const key of keys) {
      expect((await post(PATH, { prompt: "x" }, withKey(`Bearer ${key}`))).status).toBe(200);
      expect((await get("/v1/models", withKey(`bearer ${key}`))).status).toBe(200);
    }
  });

  test.each([
    ["no key", undefined, "no such header"],
    ["another key", "Bearer first-kez", "another key"],
    ["the beginning of one", "Bearer first", "another key"],
    ["another scheme", "Basic first-key", "something else"],
  ])("refuse %s, and do not say which there are", async (_, authorization, found) => {
    const { post, model } = ask({ keys });
    const response = await post(PATH, "not even JSON", authorization === undefined ? {} : withKey(authorization));
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    const message = `header Authorization: expected "Bearer" and one of this server's keys, found ${found}`;
    expect((await response.json()).error).toEqual({
      ...{ message, type: "invalid_request_error", param: null, code: "invalid_api_key" },
    });
    expect(model.calls).toEqual([]);
  });

  test("are not asked for by health and metrics", async () => {
    const { get, server } = ask({ keys });
    await server.ready;
    for (const path of ["/health", "/health/live", "/metrics"]) expect((await get(path)).status).toBe(200);
    expect((await get("/v1/nothing")).status).toBe(401);
  });
});

describe("models", () => {
  test("are one, by its name, which may have a slash", async () => {
    const { get } = ask({ modelName: "owner/name" });
    const list = await (await get("/v1/models")).json();
    expect(list).toEqual({
      object: "list",
      data: [{ id: "owner/name", object: "model", created: expect.any(Number), owned_by: "blackmamba" }],
    });
    for (const path of ["/v1/models/owner/name", "/v1/models/owner%2Fname"]) {
      expect(await (await get(path)).json()).toEqual(list.data[0]);
    }
    const other = await get("/v1/models/owner");
    expect(other.status).toBe(404);
    expect((await other.json()).error.code).toBe("model_not_found");
  });
});

describe("pages on other sites", () => {
  const preflight = (origin: string) => ({
    method: "OPTIONS",
    headers: {
      Origin: origin,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "authorization,content-type",
    },
  });

  test("may not ask, unless they are named", async () => {
    const closed = await ask().get(PATH, preflight("https://a.example"));
    expect(closed.headers.get("access-control-allow-origin")).toBeNull();

    const { get, post } = ask({ corsOrigins: ["https://a.example"], keys: ["k"] });
    const allowed = await get(PATH, preflight("https://a.example"));
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization");
    expect((await get(PATH, preflight("https://b.example"))).headers.get("access-control-allow-origin")).toBeNull();
    const open = await ask({ corsOrigins: ["*"] }).get(PATH, preflight("https://b.example"));
    expect(open.headers.get("access-control-allow-origin")).toBe("*");
    // Errors too: else a page could not read what is wrong.
    const refused = await post(PATH, {}, { headers: { Origin: "https://a.example" } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(refused.headers.get("access-control-expose-headers")).toBe("Retry-After,X-Should-Retry");
  });
});

describe("the queue", () => {
  test("takes as many as have a place, and refuses the next with when to come again", async () => {
    const { post, model, get } = ask({ batchSize: 2, queueSize: 1 }, SLOW);
    const ending = new AbortController();
    const first = post(PATH, { ...ENDLESS, n: 2 }, { signal: ending.signal });
    const second = post(PATH, ENDLESS, { signal: ending.signal });
    await vi.waitFor(() => expect(model.batcher.waiting).toBe(1));
    const metrics = await (await get("/metrics")).text();
    expect(metrics).toContain("blackmamba_texts_active 2\n");
    expect(metrics).toContain("blackmamba_texts_waiting 1\n");

    const refused = await post(PATH, { prompt: "x" });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect((await refused.json()).error).toMatchObject({ type: "rate_limit_error", code: "rate_limit_exceeded" });
    expect(model.calls).toHaveLength(3);

    ending.abort();
    await Promise.all([first, second]);
    expect((await post(PATH, { prompt: "x" })).status).toBe(200);
  });

  test("takes no request that could never have its places", async () => {
    const { error } = await ask({ batchSize: 1, queueSize: 1 }).json(PATH, { prompt: ["a", "b", "c"] });
    expect(error.message).toContain("expected at most 2 texts of one request, found 3 prompts times 1");
  });
});

describe("an early end", () => {
  test("comes at the time-out, whole or streamed, and gives the place back", async () => {
    const asked = ask({ timeoutMs: 60 }, SLOW);
    const response = await asked.post(PATH, ENDLESS);
    expect(response.status).toBe(504);
    // Or the client would ask again at once.
    expect(response.headers.get("x-should-retry")).toBe("false");
    const body = await response.json();
    expect(body.error).toMatchObject({ type: "server_error", code: "timeout" });
    expect(asked.model.batcher.active).toBe(0);

    const { events, isDone } = await asked.events(PATH, ENDLESS);
    expect(events.at(-1)).toEqual(body);
    expect(isDone).toBe(false);
    expect(asked.model.batcher.active).toBe(0);
    expect(asked.records.map(({ status }) => status)).toEqual([504, 504]);
    expect(asked.records[1]?.completionTokens).toBe(events.length - 1);
  });

  test("comes when the client goes: at once, whole or streamed, active or waiting", async () => {
    const asked = ask({ batchSize: 1 }, { stepMs: 20 });
    const gone = new AbortController();
    const whole = asked.post(PATH, ENDLESS, { signal: gone.signal });
    const waiting = asked.post(PATH, ENDLESS, { signal: gone.signal });
    await vi.waitFor(() => expect(asked.model.batcher.waiting).toBe(1));
    gone.abort();
    await whole;
    expect(asked.model.batcher).toMatchObject({ active: 0, waiting: 0 });
    await waiting;

    const stream = await asked.post(PATH, { ...ENDLESS, stream: true });
    const reader = stream.body!.getReader();
    await reader.read();
    await reader.cancel();
    await vi.waitFor(() => expect(asked.model.batcher.active).toBe(0), { interval: 1, timeout: 20 });
    await vi.waitFor(() => expect(asked.records.map(({ status }) => status)).toEqual([499, 499, 499]));
  });

  test("comes when the client takes nothing", async () => {
    const asked = ask({ stallMs: 50 });
    const stream = await asked.post(PATH, { ...ENDLESS, stream: true });
    await vi.waitFor(() => expect(asked.records).toHaveLength(1));
    expect(asked.records[0]?.error?.message).toContain("took nothing for 0.05 s");
    expect(asked.model.batcher.active).toBe(0);
    expect(readEvents(await stream.text()).isDone).toBe(false);
  });

  test("of one text ends the others of the request", async () => {
    const asked = ask({}, { failure: { error: new Error("broken"), after: 3 } });
    const response = await asked.post(PATH, { ...ENDLESS, n: 3 });
    expect(response.status).toBe(500);
    expect((await response.json()).error.message).toBe("the server failed at this request; its log says why");
    expect(asked.model.batcher.active).toBe(0);
  });
});

test("a stream says that it is there while it waits", async () => {
  const { post } = ask({ heartbeatMs: 20 }, { stepMs: 100 });
  const text = await (await post(PATH, { prompt: "x", max_tokens: 1, stream: true })).text();
  expect(text).toMatch(/^: still at it\n\n/);
  expect(readEvents(text).isDone).toBe(true);
});

describe("the beginning", () => {
  test("is answered with 503 until the model is there", async () => {
    let finish = (_: ServedModel): void => {};
    const loading = new Promise<ServedModel>((resolve) => {
      finish = resolve;
    });
    const server = createServer(loading, { modelName: "m" });
    const statusOf = async (path: string, init?: RequestInit) => {
      const response = await server.fetch(new Request(`http://localhost${path}`, init));
      return [response.status, await response.json()];
    };
    const post = { method: "POST", body: '{"prompt":"x"}', headers: { "Content-Type": "application/json" } };
    expect(await statusOf("/health")).toEqual([503, { status: "loading" }]);
    expect(await statusOf("/health/live")).toEqual([200, { status: "loading" }]);
    expect(await statusOf(PATH, post)).toMatchObject([503, { error: { code: "not_ready", type: "server_error" } }]);
    finish(fakeModel());
    await server.ready;
    expect(await statusOf("/health")).toEqual([200, { status: "ready" }]);
    expect((await statusOf(PATH, post))[0]).toBe(200);
  });

  test("that fails is told, and stays 503", async () => {
    const server = createServer(Promise.reject(new Error("no such file")), { modelName: "m" });
    await expect(server.ready).rejects.toThrow("no such file");
    const health = await server.fetch(new Request("http://localhost/health"));
    expect([health.status, await health.json()]).toEqual([503, { status: "failed" }]);
    const { tokenizer: _, ...bare } = fakeModel();
    const without = createServer({ ...bare, tokenizer: undefined }, { modelName: "m" });
    await expect(without.ready).rejects.toMatchObject({ code: "ERR_NO_TOKENIZER" });
  });

  test("does not come with options that cannot be", () => {
    expect(() => createServer(fakeModel(), { modelName: "m", batchSize: 0 })).toThrow(
      "option batchSize: expected a whole number of at least 1, found 0",
    );
    expect(() => createServer(fakeModel(), { modelName: "m", chatTemplate: "{% for %}" })).toThrow(
      expect.objectContaining({ code: "ERR_CHAT_TEMPLATE", message: expect.stringContaining("expected Jinja") }),
    );
  });
});

describe("the end", () => {
  test("finishes what is under way, and takes nothing more", async () => {
    const { post, server, get, model } = ask({}, SLOW);
    const answering = post(PATH, { prompt: "x", max_tokens: 20 });
    await vi.waitFor(() => expect(model.calls).toHaveLength(1));
    const closing = server.close();
    const late = await post(PATH, { prompt: "x" });
    expect(late.status).toBe(503);
    expect((await late.json()).error.message).toContain("it is shutting down");
    expect((await get("/health")).status).toBe(503);
    expect((await get("/health/live")).status).toBe(200);
    expect((await answering).status).toBe(200);
    await closing;
  });

  test("does not wait longer than it may", async () => {
    const { events, server, model } = ask({}, SLOW);
    const answering = events(PATH, ENDLESS);
    await vi.waitFor(() => expect(model.calls).toHaveLength(1));
    await server.close({ deadlineMs: 50 });
    const { events: said, isDone } = await answering;
    expect(said.at(-1).error).toMatchObject({ code: "not_ready" });
    expect(isDone).toBe(false);
  });
});

test("metrics count requests, tokens and times", async () => {
  const { post, get } = ask({ prefixCacheByteLength: 1000 });
  await post(PATH, { prompt: "abc", max_tokens: 5 });
  await (await post(PATH, { prompt: "abc", max_tokens: 5, stream: true })).text();
  await post(PATH, {});
  await get("/v1/models/a");
  await get("/made-up-1");
  await get("/made-up-2");
  const text = await (await get("/metrics")).text();
  expect(text.split("\n").filter((line) => /^blackmamba.*(total|count|tokens|bytes)/.test(line))).toEqual([
    'blackmamba_http_requests_total{route="/v1/completions",status="200"} 2',
    'blackmamba_http_requests_total{route="/v1/completions",status="400"} 1',
    'blackmamba_http_requests_total{route="/v1/models/{id}",status="404"} 1',
    'blackmamba_http_requests_total{route="other",status="404"} 2',
    'blackmamba_http_request_duration_seconds_count{route="/v1/completions"} 3',
    'blackmamba_http_request_duration_seconds_count{route="/v1/models/{id}"} 1',
    'blackmamba_http_request_duration_seconds_count{route="other"} 2',
    "blackmamba_prompt_tokens_total 8",
    "blackmamba_generated_tokens_total 10",
    "blackmamba_time_to_first_token_seconds_count 2",
    "blackmamba_time_per_token_seconds_count 8",
    "blackmamba_prefix_cache_bytes 5",
    "blackmamba_prefix_cache_hit_tokens 3",
    "blackmamba_prefix_cache_missed_tokens 4",
  ]);
});

test("a record says what a log needs", async () => {
  const { post, records } = ask();
  await post(PATH, { prompt: "abc", max_tokens: 5 });
  expect(records).toEqual([
    {
      ...{ method: "POST", path: PATH, route: PATH, status: 200, error: undefined },
      ...{ durationMs: expect.any(Number), firstTokenMs: expect.any(Number) },
      ...{ promptTokens: 4, completionTokens: 5 },
    },
  ]);
});
