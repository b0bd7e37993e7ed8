/** The listener: what a port, its connections and their ends do. */
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createServer, type ServerOptions } from "./create-server.ts";
import { type Listener, type ListenOptions, listen } from "./node.ts";
import { type FakeModelOptions, fakeModel } from "./testing/fake-model.ts";

let listeners: Listener[] = [];

afterEach(async () => {
  await Promise.all(listeners.map((listener) => listener.close({ deadlineMs: 0 })));
  listeners = [];
});

interface Setting {
  readonly server?: Partial<ServerOptions>;
  readonly model?: FakeModelOptions;
  readonly listen?: ListenOptions;
}

async function start(setting: Setting = {}) {
  const model = fakeModel(setting.model);
  const server = createServer(model, { modelName: "fake", ...setting.server });
  const listener = await listen(server, { port: 0, ...setting.listen });
  listeners.push(listener);
  await server.ready;
  return { model, server, listener, port: Number(new URL(listener.url).port) };
}

/** A connection that remembers what came. */
async function dial(port: number) {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("end", () => socket.end());
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("connect", resolve));
  return { socket: socket as Socket, closed, received: () => received };
}

const request = (body: string, head = "") =>
  `POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${head}\r\n${body}`;
const ENDLESS = '{"prompt":"x","max_tokens":4096,"stream":true}';

describe("a port", () => {
  test("is this machine's own, and says where it is", async () => {
    const { listener } = await start();
    expect(listener.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${listener.url}/health`)).status).toBe(200);
    const v6 = await start({ listen: { host: "::1" } });
    expect(v6.listener.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  });

  test("that another has is refused with the cure", async () => {
    const { port } = await start();
    await expect(listen(createServer(fakeModel(), { modelName: "m" }), { port })).rejects.toMatchObject({
      code: "ERR_LISTEN",
      message: `127.0.0.1:${port}: expected to listen there, found that another program listens there; choose another host or port`,
    });
  });

  test("shows the process in its metrics", async () => {
    const { listener } = await start();
    const text = await (await fetch(`${listener.url}/metrics`)).text();
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).toMatch(/^nodejs_heap_size_used_bytes \d+$/m);
  });
});

describe("connections", () => {
  test("serve one request after the other", async () => {
    const { port } = await start();
    const { socket, received } = await dial(port);
    for (const times of [1, 2]) {
      socket.write(request('{"prompt":"x","max_tokens":1}'));
      await vi.waitFor(() => expect(received().match(/HTTP\/1\.1 200/g)).toHaveLength(times));
    }
    socket.destroy();
  });

  // A process that ends closes its side of a connection: that looks the same as a client that has said all it will.
  test("take a client that closes its side for gone", async () => {
    const { port, model } = await start({ model: { stepMs: 20 } });
    const { socket, closed } = await dial(port);
    socket.end(request(ENDLESS));
    await closed;
    await vi.waitFor(() => expect(model.batcher.active).toBe(0));
  });

  test.each([
    ["no HTTP", "GET / HTTP/9\r\n\r\n", 400],
    ["headers without an end", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    [
      "a chunk that has no size",
      `${request("").replace("Content-Length: 0", "Transfer-Encoding: chunked")}zz\r\n`,
      400,
    ],
    ["no host that could be", "GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
  ])("answer %s in OpenAI's form", async (_, text, status) => {
    const { port } = await start();
    const { socket, received } = await dial(port);
    socket.write(text);
    await vi.waitFor(() => expect(received()).toMatch(/\}\}$/));
    expect(received()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const { error } = JSON.parse(received().slice(received().indexOf("\r\n\r\n")));
    expect(error).toMatchObject({ type: "invalid_request_error", code: expect.stringMatching(/^invalid/) });
    socket.destroy();
  });

  test.each([
    ["headers", "POST /v1/completions HTTP/1.1\r\nHost:"],
    ["a body", request("").replace("Content-Length: 0", "Content-Length: 1000")],
  ])("end where %s do not come in time", async (_, text) => {
    const { port } = await start({ listen: { headersTimeoutMs: 300, requestTimeoutMs: 500 } });
    const { socket, closed, received } = await dial(port);
    socket.write(text);
    const drip = setInterval(() => socket.write("a"), 100);
    await closed;
    clearInterval(drip);
    expect(received()).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  test("that break end their texts within a step", async () => {
    const stepMs = 50;
    const { port, model } = await start({ model: { stepMs } });
    for (const how of ["destroy", "resetAndDestroy"] as const) {
      const { socket, received } = await dial(port);
      socket.write(request(ENDLESS));
      await vi.waitFor(() => expect(received()).toContain("data: "));
      socket[how]();
      await vi.waitFor(() => expect(model.batcher.active).toBe(0), { interval: 1, timeout: stepMs });
    }
  });

  test("that take nothing end their texts", async () => {
    const { port, model } = await start({
      server: { stallMs: 200, limits: { maxTokens: 100_000 } },
      listen: { idleTimeoutMs: 1000 },
    });
    const { socket, received, closed } = await dial(port);
    // Several texts, and of each token much to say: buffers on the way are soon full.
    const body = { prompt: "x", n: 32, max_tokens: 100_000, stream: true, logprobs: 20 };
    socket.pause();
    socket.write(request(JSON.stringify(body)));
    await vi.waitFor(() => expect(model.batcher.active).toBe(32));
    await vi.waitFor(() => expect(model.batcher.active).toBe(0), { timeout: 60_000 });
    expect(received()).toBe("");
    // And the connection ends, though it is not read: what comes of it later is what was under way.
    await setTimeout(4000);
    const resumedAt = performance.now();
    socket.resume();
    await closed;
    expect(performance.now() - resumedAt).toBeLessThan(10_000);
    expect(received()).not.toContain("[DONE]");
    socket.destroy();
  });
});

describe("the end", () => {
  test("finishes streams, keeps telling that it ends, and then listens no more", async () => {
    const { listener, model } = await start({ model: { stepMs: 5 } });
    const body = JSON.stringify({ prompt: "x", max_tokens: 40, stream: true });
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${listener.url}/v1/completions`, { method: "POST", headers, body });
    expect(model.batcher.active).toBe(1);
    const closing = listener.close();
    await setTimeout(20);
    expect((await fetch(`${listener.url}/health`)).status).toBe(503);
    const text = await response.text();
    expect(text.match(/data: \{/g)).toHaveLength(41);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    await closing;
    await expect(fetch(`${listener.url}/health`)).rejects.toThrow();
  });

  test("waits for no client that keeps its connection", async () => {
    const { listener, port } = await start();
    const idle = await dial(port);
    const half = await dial(port);
    half.socket.write("POST /v1/completions HTTP/1.1\r\n");
    const start_ = performance.now();
    await listener.close();
    expect(performance.now() - start_).toBeLessThan(5000);
    await Promise.all([idle.closed, half.closed]);
  });
});
