/** An answer as server-sent events, as OpenAI's clients read them. */
import { atEndOfTurn } from "./end-of-turn.ts";
import { ClientGoneError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";

export interface EventStreamOptions {
  /** A client that takes nothing for so long has gone. */
  readonly stallMs: number;
  /** A comment is sent when nothing else was for so long, so that nobody between takes the connection for dead. */
  readonly heartbeatMs: number;
}

/** What no cache keeps, and nginx does not hold back. */
const HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-cache",
  "X-Accel-Buffering": "no",
};

/** Events that wait for the client before their texts do. */
const BUFFERED_EVENTS = 16;

/** Sends one event's data. */
export type Send = (data: string) => Promise<void>;

/**
 * A response whose events are sent by `write`. It ends with `write`, which must not throw. A client that goes away, or takes nothing,
 * aborts the exchange.
 */
export function eventStream(
  exchange: Exchange,
  { stallMs, heartbeatMs }: EventStreamOptions,
  write: (send: Send) => Promise<void>,
): Response {
  const encoder = new TextEncoder();
  let isOpen = true;
  let lastAt = performance.now();
  // Of everyone who waits for the client to take something.
  const waiters: (() => void)[] = [];
  const wakeAll = (): void => {
    for (const wake of waiters.splice(0)) wake();
  };
  const giveUp = (how: string): void => {
    isOpen = false;
    exchange.abort(new ClientGoneError(how));
    wakeAll();
  };
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own;
      },
      pull: wakeAll,
      // Whoever carries the response does it when the connection breaks.
      cancel: () => giveUp("went away"),
    },
    { highWaterMark: BUFFERED_EVENTS },
  );

  // What comes at the same time goes in one piece: a device brings several tokens of a text at once, and pieces cost more than tokens.
  let unsent = "";
  const flush = (): void => {
    if (isOpen && unsent !== "") controller.enqueue(encoder.encode(unsent));
    unsent = "";
  };

  async function put(text: string): Promise<void> {
    if (!isOpen) return;
    if (unsent === "") atEndOfTurn(flush);
    unsent += text;
    lastAt = performance.now();
    if ((controller.desiredSize ?? 0) > 0) return;
    const stall = setTimeout(() => {
      // Without [DONE]: should it go on reading, it sees that this is not all.
      if (isOpen) controller.close();
      giveUp(`took nothing for ${stallMs / 1000} s`);
    }, stallMs);
    await new Promise<void>((resolve) => waiters.push(resolve));
    clearTimeout(stall);
  }

  const heartbeat = setInterval(() => {
    if (performance.now() - lastAt >= heartbeatMs) void put(": still at it\n\n");
  }, heartbeatMs);
  void write((data) => put(`data: ${data}\n\n`)).finally(() => {
    clearInterval(heartbeat);
    flush();
    if (isOpen) controller.close();
    isOpen = false;
  });
  return new Response(body, { headers: HEADERS });
}
