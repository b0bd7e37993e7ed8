/**
 * A server on this machine, over real sockets that may break, stall and lie.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What happens to an answer instead of being sent. */
export interface Fault {
  /** The connection breaks after so many bytes of the body. */
  readonly breakAfter?: number | undefined;
  /** Nothing comes any longer after so many bytes of the body; the connection stays. */
  readonly stallAfter?: number | undefined;
  /** Answers with this status in place of what was asked for. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Before each piece of 64 KiB. */
  readonly delayMs?: number | undefined;
}

/** Options of {@link serve}. */
export interface ServeOptions {
  readonly answer: (request: Request) => Promise<Response>;
  /** Says what goes wrong with a request, if anything. */
  readonly faultOf?: ((request: Request) => Fault | undefined) | undefined;
}

/** A server that runs. */
export interface RunningServer {
  /** Without a "/" at the end. */
  readonly url: string;
  /** Bytes of bodies that were given to sockets. */
  readonly sentBytes: number;
  /** Sockets that were opened to it. */
  readonly connections: number;
  close(): Promise<void>;
}

const PIECE_BYTE_LENGTH = 64 * 1024;

/** Serves on a free port of this machine. */
export async function serve({ answer, faultOf }: ServeOptions): Promise<RunningServer> {
  let [sentBytes, connections] = [0, 0];
  const respond = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
      method: incoming.method ?? "GET",
      headers: incoming.headers as Record<string, string>,
    });
    const fault = faultOf?.(request) ?? {};
    if (fault.status !== undefined) {
      outgoing.writeHead(fault.status, { ...fault.headers }).end();
      return;
    }
    const response = await answer(request);
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), ...fault.headers });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const end = Math.min(bytes.byteLength, fault.breakAfter ?? fault.stallAfter ?? Number.POSITIVE_INFINITY);
    for (let at = 0; at < end && !outgoing.destroyed; at += PIECE_BYTE_LENGTH) {
      if (fault.delayMs) await sleep(fault.delayMs);
      const piece = bytes.subarray(at, Math.min(end, at + PIECE_BYTE_LENGTH));
      await new Promise((resolve) => outgoing.write(piece, resolve));
      sentBytes += piece.byteLength;
    }
    if (fault.stallAfter !== undefined) outgoing.flushHeaders();
    else if (end < bytes.byteLength) outgoing.destroy();
    else outgoing.end();
  };
  const server = createServer((incoming, outgoing) => {
    respond(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.on("connection", () => void connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get sentBytes() {
      return sentBytes;
    },
    get connections() {
      return connections;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
