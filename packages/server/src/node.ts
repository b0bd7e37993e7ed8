/**
 * Listens on a port, in Node: limits for clients that are slow or send no HTTP, and an end that breaks off nothing.
 *
 * @packageDocumentation
 */
import { once } from "node:events";
import { createServer as createHttpServer, type Server as HttpServer, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { collectDefaultMetrics } from "prom-client";
import type { Server } from "./create-server.ts";
import { ApiError, ListenError } from "./errors.ts";

export { ListenError } from "./errors.ts";

/** Options of {@link listen}. */
export interface ListenOptions {
  /** Name or address to listen at. Default `127.0.0.1`: reached from this machine only. */
  readonly host?: string | undefined;
  /** Default 8080; 0 takes any that is free. */
  readonly port?: number | undefined;
  /** The longest that a request's headers may take to come. Default 10,000. */
  readonly headersTimeoutMs?: number | undefined;
  /** The longest that a request may take to come as a whole. Default 60,000. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Connections on which nothing moves for so long are closed. Default 660,000: somewhat more than a server's default `timeoutMs`, in
   * which an answer that is not streamed has to come.
   */
  readonly idleTimeoutMs?: number | undefined;
  /** Most connections at once; more are closed at once. Default 4,096. */
  readonly maxConnections?: number | undefined;
}

/** A server that listens. */
export interface Listener {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Takes no more requests for text, finishes those that are under way, and then listens no more. */
  close(options?: { readonly deadlineMs?: number | undefined }): Promise<void>;
}

/** Of idle connections that are kept for a next request; longer than the usual minute of proxies, which then never meet a closed one. */
const KEEP_ALIVE_MS = 75_000;
/** How often connections are looked at for being slow. */
const CHECK_MS = 1_000;
/** For what was said last to reach its client. */
const LAST_WORDS_MS = 1_000;

/**
 * Listens, and answers with the server.
 *
 * @throws ListenError where the port cannot be had
 */
export async function listen(server: Server, options: ListenOptions = {}): Promise<Listener> {
  const { host = "127.0.0.1", port = 8080 } = options;
  const { headersTimeoutMs = 10_000, requestTimeoutMs = 60_000, idleTimeoutMs = 660_000 } = options;
  const http = createHttpServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    getRequestListener(server.fetch, { overrideGlobalObjects: false, errorHandler: onBadRequest }),
  );
  http.maxConnections = options.maxConnections ?? 4_096;
  http.timeout = idleTimeoutMs;
  http.on("clientError", onClientError);
  http.on("checkExpectation", (_request, response) => {
    const failure = invalidRequest(417, "expected no header Expect but 100-continue, found another");
    response.writeHead(failure.status, { Connection: "close", "Content-Type": "application/json" });
    response.end(JSON.stringify(failure.body()));
  });
  await new Promise<void>((resolve, reject) => {
    http.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(host, port, cause)));
    http.listen(port, host, resolve);
  });
  collectDefaultMetrics({ register: server.registry });
  return { url: urlOf(http.address() as AddressInfo), close: ({ deadlineMs } = {}) => close(http, server, deadlineMs) };
}

/** The port stays open until the end: whoever asks in between is told, and not left without an answer. */
async function close(http: HttpServer, server: Server, deadlineMs: number | undefined): Promise<void> {
  await server.close({ deadlineMs });
  const closed = once(http, "close");
  http.close();
  await Promise.race([closed, setTimeout(LAST_WORDS_MS)]);
  http.closeAllConnections();
  await closed;
}

/** Addresses and headers that `Request` does not take. */
function onBadRequest(error: unknown): Response {
  const reason = error instanceof Error ? error.message : String(error);
  const failure = invalidRequest(400, `expected an address and headers that can be read, found others (${reason})`);
  return Response.json(failure.body(), { status: failure.status });
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "expected the request in time, found that it is not whole yet"],
  HPE_HEADER_OVERFLOW: [431, "expected at most 16 KiB of headers, found more"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "expected no extensions of chunks, found more than 16 KiB"],
};

/** What is not HTTP, or comes too slowly, is answered here and the connection closed: there is no request for the server. */
function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = CLIENT_ERRORS[error.code ?? ""] ?? [
    400,
    "expected an HTTP/1.1 request, found something else",
  ];
  const body = JSON.stringify(invalidRequest(status, message).body());
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function invalidRequest(status: number, message: string): ApiError {
  return new ApiError("invalid_request", message, { status });
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): ListenError {
  const found =
    cause.code === "EADDRINUSE" ? "that another program listens there" : `that it cannot (${cause.message})`;
  return new ListenError(`${host}:${port}: expected to listen there, found ${found}; choose another host or port`, {
    cause,
  });
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
