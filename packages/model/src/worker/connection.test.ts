/** Both ends of a connection, over a channel instead of a worker. Real workers: see `worker-model.browser.test.ts`. */
import { nextTurn } from "@blackmamba/tensor";
import { expect, onTestFinished, test, vi } from "vitest";
import { NumericError, WorkerError } from "../errors.ts";
import { Connection, type WorkerPort } from "./connection.ts";
import type { Methods } from "./protocol.ts";
import { serve, type WorkerScope } from "./serve.ts";

interface TestOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (...args: unknown[]) => void;
}

/** Connects to methods; what is posted to the page is noted. */
async function connect<M extends Methods>(methods: M) {
  const { port1, port2 } = new MessageChannel();
  const messages: { type: string; transfer: number }[] = [];
  const scope: WorkerScope = {
    addEventListener: (type, listen) => port2.addEventListener(type, listen as never),
    postMessage: (message, options) => {
      messages.push({ type: message.type, transfer: options.transfer.length });
      port2.postMessage(message, options as { transfer: Transferable[] });
    },
  };
  const terminate = vi.fn(() => port1.close());
  const worker = {
    postMessage: (message: unknown) => port1.postMessage(message),
    addEventListener: (type: string, listen: EventListener) => port1.addEventListener(type, listen),
    terminate,
  } as WorkerPort;
  port1.start();
  port2.start();
  const opening = Connection.open<M>(() => worker);
  await serve(scope, methods);
  const connection = await opening;
  onTestFinished(() => connection.close(new Error("the test is over")));
  return { connection, messages, terminate };
}

/** Resolves when the signal aborts, by rejecting with its reason. */
function forever(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}

test("a call has a result, and hands over its memory", async () => {
  const { connection, messages } = await connect({
    double: async (ids: number[]) => ({
      ids: Float32Array.from(ids, (id) => 2 * id),
      layers: [{ same: new Uint8Array(3) }],
    }),
  });
  const { ids, layers } = await connection.call("double", [1, 2]);
  expect([...ids]).toEqual([2, 4]);
  expect(layers[0]?.same).toEqual(new Uint8Array(3));
  expect(messages.at(-1)).toEqual({ type: "result", transfer: 2 });
});

test("a call that throws rejects with the error", async () => {
  const { connection } = await connect({
    now: (_: undefined) => {
      throw new NumericError("at once");
    },
    later: async (_: undefined) => {
      await nextTurn();
      throw new NumericError("later");
    },
  });
  await expect(connection.call("now", undefined)).rejects.toThrow(new NumericError("at once"));
  await expect(connection.call("later", undefined)).rejects.toBeInstanceOf(NumericError);
});

test("callbacks are told what the worker tells, errors included, also after the call", async () => {
  let tell: TestOptions["onEvent"];
  const { connection } = await connect({
    async load(_: undefined, { onEvent }: TestOptions) {
      onEvent?.({ loaded: 1 }, 2);
      tell = onEvent;
    },
  });
  const onEvent = vi.fn();
  await connection.call("load", undefined, { onEvent });
  expect(onEvent.mock.calls).toEqual([[{ loaded: 1 }, 2]]);
  tell?.(new NumericError("lost"));
  await vi.waitFor(() => expect(onEvent).toHaveBeenCalledTimes(2));
  expect(onEvent.mock.lastCall?.[0]).toBeInstanceOf(NumericError);
});

test("what a callback throws ends the call", async () => {
  const aborted = vi.fn();
  const { connection } = await connect({
    async load(_: undefined, { onEvent, signal }: TestOptions) {
      onEvent?.();
      signal?.addEventListener("abort", aborted);
      await forever(signal);
    },
  });
  const error = new Error("no more");
  const onEvent = () => {
    throw error;
  };
  await expect(connection.call("load", undefined, { onEvent })).rejects.toBe(error);
  await vi.waitFor(() => expect(aborted).toHaveBeenCalled());
});

test("an abort rejects with the signal's own reason, once the worker has ended the call", async () => {
  let hasEnded = false;
  const { connection } = await connect({
    async wait(_: undefined, { signal }: TestOptions) {
      try {
        await forever(signal);
      } finally {
        await nextTurn();
        hasEnded = true;
      }
    },
  });
  const [controller, reason] = [new AbortController(), { why: "enough" }];
  const waiting = connection.call("wait", undefined, { signal: controller.signal });
  await nextTurn();
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(hasEnded).toBe(true);
  await expect(connection.call("wait", undefined, { signal: controller.signal })).rejects.toBe(reason);
});

test("pieces that are there come together", async () => {
  const { connection, messages } = await connect({
    async *count(to: number) {
      for (let i = 0; i < to; i++) yield i;
    },
  });
  const counted: number[] = [];
  for await (const piece of connection.stream("count", 1000)) counted.push(piece);
  expect(counted).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  // However slow the machine is, each message has two of them.
  expect(messages.filter(({ type }) => type === "pieces").length).toBeLessThan(600);
});

test("what a generator returns comes after its last piece", async () => {
  const { connection } = await connect({
    async *count(to: number) {
      for (let i = 0; i < to; i++) {
        yield i;
        await nextTurn();
      }
      return { reached: to };
    },
    async *nothing(_: undefined): AsyncGenerator<number, undefined> {},
  });
  for (const to of [0, 1, 30]) {
    const pieces = connection.stream("count", to);
    const counted: number[] = [];
    for (;;) {
      const next = await pieces.next();
      if (next.done) {
        expect(next.value).toEqual({ reached: to });
        break;
      }
      counted.push(next.value);
    }
    expect(counted).toHaveLength(to);
    expect(await pieces.next()).toEqual({ value: undefined, done: true });
  }
  expect(await connection.stream("nothing", undefined).next()).toEqual({ value: undefined, done: true });
});

test("a piece does not wait for the next", async () => {
  const { connection } = await connect({
    async *slow(_: undefined, { signal }: TestOptions) {
      yield "first";
      await forever(signal);
    },
  });
  const pieces = connection.stream("slow", undefined);
  expect(await pieces.next()).toEqual({ value: "first", done: false });
  await pieces.return();
});

test("pieces that came before a failure are told before it", async () => {
  const { connection } = await connect({
    async *fail(_: undefined) {
      yield 1;
      yield 2;
      throw new NumericError("third");
    },
  });
  const told: number[] = [];
  const read = async () => {
    for await (const piece of connection.stream("fail", undefined)) told.push(piece);
  };
  await expect(read()).rejects.toBeInstanceOf(NumericError);
  expect(told).toEqual([1, 2]);
});

test("leaving a stream ends it in the worker, before the page goes on", async () => {
  let [made, hasEnded] = [0, false];
  const { connection } = await connect({
    async *count(_: undefined, { signal }: TestOptions) {
      try {
        for (;;) {
          signal?.throwIfAborted();
          yield made++;
        }
      } finally {
        await nextTurn();
        hasEnded = true;
      }
    },
  });
  for await (const piece of connection.stream("count", undefined)) if (piece === 5) break;
  expect(hasEnded).toBe(true);
  const before = made;
  await nextTurn();
  expect(made).toBe(before);
});

test("a stream whose reader is slow is not far ahead", async () => {
  let made = 0;
  const { connection, messages } = await connect({
    async *count(_: undefined) {
      for (;;) yield made++;
    },
  });
  const pieces = connection.stream("count", undefined);
  await pieces.next();
  const came = () => messages.filter(({ type }) => type === "pieces");
  await vi.waitFor(() => expect(came()).toHaveLength(2));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(came()).toHaveLength(2);
  await pieces.return(undefined);
});

test("an aborted stream tells nothing more, not even what has come", async () => {
  const { connection } = await connect({
    async *count(_: undefined) {
      for (let i = 0; ; i++) yield i;
    },
  });
  const controller = new AbortController();
  const told: number[] = [];
  const read = async () => {
    for await (const piece of connection.stream("count", undefined, { signal: controller.signal })) {
      told.push(piece);
      if (piece === 5) controller.abort("stop");
    }
  };
  await expect(read()).rejects.toBe("stop");
  expect(told).toEqual([0, 1, 2, 3, 4, 5]);
});

test("a stream that waits can be aborted", async () => {
  const { connection } = await connect({
    async *wait(_: undefined, { signal }: TestOptions): AsyncGenerator<number> {
      await forever(signal);
      yield 1;
    },
  });
  const controller = new AbortController();
  const next = connection.stream("wait", undefined, { signal: controller.signal }).next();
  await nextTurn();
  controller.abort("stop");
  await expect(next).rejects.toBe("stop");
});

test("what waits for a connection that is closed rejects, and so does what comes later", async () => {
  const wait = (_: undefined, { signal }: TestOptions) => forever(signal);
  const { connection, terminate } = await connect({
    wait,
    stream: async function* (_: undefined, options: TestOptions) {
      yield 1;
      await wait(_, options);
    },
  });
  const call = connection.call("wait", undefined);
  const stream = connection.stream("stream", undefined);
  await stream.next();
  const next = stream.next();
  const gone = new WorkerError("gone");
  connection.close(gone);
  expect(terminate).toHaveBeenCalled();
  await expect(call).rejects.toBe(gone);
  await expect(next).rejects.toBe(gone);
  await expect(connection.call("wait", undefined)).rejects.toBe(gone);
  await expect(connection.stream("stream", undefined).next()).rejects.toBe(gone);
});

test("what is cancelled rejects, and ends in the worker", async () => {
  const ended: string[] = [];
  const wait = async (name: string, { signal }: TestOptions) => forever(signal).finally(() => ended.push(name));
  const { connection } = await connect({
    wait,
    stream: async function* (name: string, options: TestOptions) {
      yield 1;
      await wait(name, options);
    },
    other: async (_: undefined) => "alive",
  });
  const call = connection.call("wait", "call");
  const stream = connection.stream("stream", "stream");
  await stream.next();
  const next = stream.next();
  connection.cancel("enough");
  await expect(call).rejects.toBe("enough");
  await expect(next).rejects.toBe("enough");
  expect(await connection.call("other", undefined)).toBe("alive");
  expect(ended.sort()).toEqual(["call", "stream"]);
});

test("what cannot be copied is named", async () => {
  const { connection } = await connect({ take: async (_: object, __: { hub: object }) => {} });
  const taken = connection.call("take", {}, { hub: { deep: [{ fetch: () => {} }] } });
  await expect(taken).rejects.toThrow(
    "option hub.deep.0.fetch: expected what can be copied into a worker, found a function",
  );
  await expect(connection.call("take", () => {}, { hub: {} })).rejects.toMatchObject({ code: "ERR_OPTION" });
});

test("a worker that cannot be made, or does not start, is told as such", async () => {
  const refuse = () => {
    throw new DOMException("not from there", "SecurityError");
  };
  await expect(Connection.open(refuse)).rejects.toThrow(
    new WorkerError("the model's worker could not be made: not from there"),
  );
  const silent = { postMessage: () => {}, addEventListener: () => {}, terminate: vi.fn() };
  await expect(Connection.open(() => silent, AbortSignal.timeout(10))).rejects.toThrow(/time/);
  expect(silent.terminate).toHaveBeenCalled();
});
