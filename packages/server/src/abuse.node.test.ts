/**
 * 10,000 requests that no client should send: each is answered with 4xx or dropped, in time; then the server still answers a good one,
 * nothing is left of them, and memory has not grown.
 */
import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { createServer } from "./create-server.ts";
import { listen } from "./node.ts";
import { type Abuse, type AbuseTarget, makeAbuse } from "./testing/abuse.ts";
import { fakeModel, VOCAB } from "./testing/fake-model.ts";

const REQUESTS = 10_000;
const AT_ONCE = 64;
const SEED = 20_240_531;
/** A request that takes longer hangs. The slowest are to end after `requestTimeoutMs` and a second, on a machine that is busy. */
const HANGS_MS = 20_000;
/** After these the server has what it keeps: compiled code, buffers, connections' memory. */
const WARM_UP = 3_000;
/** Less than what the requests after the warm-up would leave at 0.3 KiB each. */
const GROWTH_MB = 2;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What became of a request: an HTTP status, or `dropped`. */
type Outcome = number | "dropped" | "hangs";

function send({ pieces, end }: Abuse, port: number): Promise<{ outcome: Outcome; answer: string }> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answer = "";
    let outcome: Outcome = "dropped";
    const timer = globalThis.setTimeout(() => {
      outcome = "hangs";
      socket.destroy();
    }, HANGS_MS);
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
    });
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      if (outcome !== "hangs") outcome = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? Number.NaN) || "dropped";
      resolve({ outcome, answer });
    });
    socket.on("connect", async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        if (typeof piece === "number") await setTimeout(piece);
        else socket.write(piece);
      }
      if (end === "close") socket.end();
      if (end === "break") {
        await setTimeout(1);
        socket.destroy();
      }
    });
  });
}

test("10,000 requests that no client should send do no harm", { timeout: 300_000 }, async () => {
  const log = [vi.spyOn(console, "error"), vi.spyOn(console, "info"), vi.spyOn(console, "log")];
  const target: AbuseTarget = { key: "the-key", bodyLimit: 64 * 1024, vocab: VOCAB, requestTimeoutMs: 1_000 };
  const model = fakeModel();
  const limits = { bodyByteLength: target.bodyLimit };
  // Longer than it takes: none of these is refused because of others.
  const server = createServer(model, { modelName: "fake", keys: [target.key], limits, queueSize: 100_000 });
  const listener = await listen(server, {
    port: 0,
    headersTimeoutMs: 1_000,
    requestTimeoutMs: target.requestTimeoutMs,
  });
  const port = Number(new URL(listener.url).port);
  const heapMb = async () => {
    // What is still on its way to an end.
    await setTimeout(500);
    // What the stand-in for a model remembers is not the server's.
    model.calls.length = 0;
    collectGarbage();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };

  const outcomes: string[] = [];
  const wrong: string[] = [];
  const shown = (piece: Uint8Array | number) =>
    typeof piece === "number" ? piece : Buffer.from(piece).toString("latin1").slice(0, 400);
  let next = 0;
  async function abuse(until: number): Promise<void> {
    while (next < until) {
      const index = next++;
      const each = makeAbuse(SEED, index, target);
      const { outcome, answer } = await send(each, port);
      outcomes.push(String(outcome));
      const isRight = outcome === "dropped" || (typeof outcome === "number" && outcome >= 400 && outcome < 500);
      if (isRight || (each.kind === "given up" && outcome === 200)) continue;
      const sent = JSON.stringify(each.pieces.map(shown));
      wrong.push(`${index} ${each.kind}: ${outcome}: ${sent} → ${answer.slice(0, 300)}`);
    }
  }
  const abuseUntil = (until: number) => Promise.all(Array.from({ length: AT_ONCE }, () => abuse(until)));

  await abuseUntil(WARM_UP);
  const before = await heapMb();
  await abuseUntil(REQUESTS);
  const after = await heapMb();

  expect(wrong).toEqual([]);
  expect(outcomes).toHaveLength(REQUESTS);
  // As many different ends as there are: else the requests would not be what they are meant to be.
  const ends = ["400", "401", "404", "405", "408", "413", "415", "417", "431", "dropped"];
  expect([...new Set(outcomes)].filter((outcome) => outcome !== "200").sort()).toEqual(ends);
  await vi.waitFor(() => expect(model.batcher).toMatchObject({ active: 0, waiting: 0 }));
  expect(after - before).toBeLessThan(GROWTH_MB);
  // @ts-expect-error nobody has this, unless a request gave it to everyone
  expect({}.polluted).toBeUndefined();

  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${target.key}` };
  const body = JSON.stringify({ prompt: "x" });
  const good = await fetch(`${listener.url}/v1/completions`, { method: "POST", headers, body });
  expect(good.status).toBe(200);
  expect((await good.json()).choices[0].finish_reason).toBe("length");
  await listener.close();
  for (const spy of log) expect(spy).not.toHaveBeenCalled();
});
