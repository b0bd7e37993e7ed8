/** An answer as server-sent events, as OpenAI's clients read them. */
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
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  let isGone = false;
  // The reader cancels: whoever carries the response does when the connection breaks.
  writer.closed.catch(() => {
    isGone = true;
    exchange.abort(new ClientGoneError("went away"));
  });

  let lastAt = performance.now();
  async function put(text: string): Promise<void> {
    if (isGone) return;
    const stall = setTimeout(() => {
      const reason = new ClientGoneError(`took nothing for ${stallMs / 1000} s`);
      exchange.abort(reason);
      void writer.abort(reason);
    }, stallMs);
    try {
      await writer.write(encoder.encode(text));
      lastAt = performance.now();
    } catch {
      // It is gone: the exchange knows, and ends.
    } finally {
      clearTimeout(stall);
    }
  }

  const heartbeat = setInterval(() => {
    if (performance.now() - lastAt >= heartbeatMs) void put(": still at it\n\n");
  }, heartbeatMs);
  void write((data) => put(`data: ${data}\n\n`)).finally(async () => {
    clearInterval(heartbeat);
    await writer.close().catch(() => {});
  });
  return new Response(readable, { headers: HEADERS });
}
