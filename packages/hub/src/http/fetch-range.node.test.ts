import { expectBytes, fileResponse } from "@blackmamba/testing";
import { type Fault, type RunningServer, serve } from "@blackmamba/testing/node";
import { afterEach, describe, expect, it } from "vitest";
import { collect } from "./collect.ts";
import { fetchRange } from "./fetch-range.ts";
import { openUrl } from "./open-url.ts";
import type { RemoteFile } from "./remote-file.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) % 251);

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Setup {
  readonly hasRanges?: boolean;
  readonly faultOf?: (request: Request) => Fault | undefined;
  readonly bytesOf?: () => Uint8Array;
}

async function start({ hasRanges = true, faultOf, bytesOf = () => bytes }: Setup = {}): Promise<string> {
  const answer = async (request: Request) =>
    fileResponse(request, { bytes: bytesOf(), oid: bytesOf() === bytes ? "a" : "b" }, hasRanges);
  server = await serve({ answer, faultOf });
  return `${server.url}/file.bin`;
}

const remote = (url: string): RemoteFile => ({ name: "file.bin", url });

describe("fetchRange", () => {
  it("gives exactly the range", async () => {
    const url = await start();
    const got = await collect(fetchRange(remote(url), 1000, 90_000), 89_000);
    expect(got).toEqual(bytes.slice(1000, 90_000));
    expect(server?.sentBytes).toBe(89_000);
  });

  it("goes on where a connection broke, 20 times, and asks for no byte that it has", async () => {
    let [breaks, got] = [0, 0];
    const asked: [start: string | undefined, got: number][] = [];
    const url = await start({
      faultOf: ({ headers }) => {
        asked.push([/^bytes=(\d+)-/.exec(headers.get("Range") ?? "")?.[1], got]);
        return breaks++ < 20 ? { breakAfter: 10_000 + breaks } : undefined;
      },
    });
    const found = new Uint8Array(bytes.byteLength);
    for await (const piece of fetchRange(remote(url), 0, bytes.byteLength)) {
      found.set(piece, got);
      got += piece.byteLength;
    }
    expect(found).toEqual(bytes);
    expect(breaks).toBe(21);
    for (const [first, had] of asked) expect(Number(first)).toBe(had);
  });

  it("waits as long as a busy server asks for", async () => {
    let asked = 0;
    const busy = { status: 429, headers: { "Retry-After": "0" } };
    const url = await start({ faultOf: () => (asked++ < 3 ? busy : undefined) });
    expect(await collect(fetchRange(remote(url), 0, 10), 10)).toEqual(bytes.slice(0, 10));
  });

  it("gives up when a server asks to wait for an hour", async () => {
    const url = await start({ faultOf: () => ({ status: 503, headers: { "Retry-After": "3600" } }) });
    await expect(collect(fetchRange(remote(url), 0, 10), 10)).rejects.toThrow(
      "file.bin: no byte came after byte 0 in 1 attempts (status 503, to be tried again in 3600 s); is the network up?",
    );
  });

  it("skips what a server without ranges sends in front, also after a break", async () => {
    let breaks = 0;
    const url = await start({ hasRanges: false, faultOf: () => (breaks++ < 1 ? { breakAfter: 50_000 } : undefined) });
    expect(await collect(fetchRange(remote(url), 20_000, 60_000), 40_000)).toEqual(bytes.slice(20_000, 60_000));
  });

  it("refuses a file that became another one in between", async () => {
    let requests = 0;
    const other = bytes.slice().reverse();
    const url = await start({
      bytesOf: () => (requests < 2 ? bytes : other),
      faultOf: () => (++requests < 2 ? { breakAfter: 1000 } : undefined),
    });
    const error = await collect(fetchRange(remote(url), 0, bytes.byteLength), bytes.byteLength).catch((e) => e);
    expect(error.code).toBe("ERR_HTTP_CHANGED");
    expect(error.message).toBe(
      'file.bin: the file on the server has changed: ETag "a" expected, "b" found; load it again',
    );
  });

  it.each([404, 403, 410])("says that the server refuses with %s, at once", async (status) => {
    let requests = 0;
    const url = await start({ faultOf: () => ({ status: requests++ === 0 ? status : 200 }) });
    const error = await collect(fetchRange(remote(url), 0, 10), 10).catch((e) => e);
    expect(error.code).toBe("ERR_HTTP_STATUS");
    expect(error.status).toBe(status);
  });

  it("goes on over another connection when one has fallen silent", async () => {
    let requests = 0;
    const url = await start({ faultOf: () => (requests++ < 2 ? { stallAfter: 5000 } : undefined) });
    const file = { ...remote(url), silenceMs: 1000 };
    expect(await collect(fetchRange(file, 0, 20_000), 20_000)).toEqual(bytes.slice(0, 20_000));
    expect(requests).toBeGreaterThanOrEqual(3);
  });

  it("gives up when nothing ever comes", async () => {
    const url = await start({ faultOf: () => ({ stallAfter: 0 }) });
    const file = { ...remote(url), silenceMs: 20 };
    await expect(collect(fetchRange(file, 0, 10), 10)).rejects.toThrow(
      "file.bin: no byte came after byte 0 in 7 attempts (nothing came for 0.02 s); is the network up?",
    );
  });

  it("waits until the moment that a busy server names", async () => {
    let requests = 0;
    const past = { status: 503, headers: { "Retry-After": new Date(0).toUTCString() } };
    const url = await start({ faultOf: () => (requests++ < 1 ? past : undefined) });
    expect(await collect(fetchRange(remote(url), 0, 10), 10)).toEqual(bytes.slice(0, 10));
    const future = { status: 503, headers: { "Retry-After": new Date(Date.now() + 3_600_000).toUTCString() } };
    await server?.close();
    const later = await start({ faultOf: () => future });
    await expect(collect(fetchRange(remote(later), 0, 10), 10)).rejects.toThrow("to be tried again in ");
  });

  it("uses a connection again", async () => {
    const url = await start();
    for (let at = 0; at < 20; at++) {
      expectBytes(await collect(fetchRange(remote(url), at, 290_000), 290_000 - at), bytes.slice(at, 290_000));
    }
    expect(server?.connections).toBeLessThanOrEqual(2);
  });

  it("asks for bytes that are not packed, once, and refuses those that are", async () => {
    const seen: (string | null)[] = [];
    const url = await start({
      faultOf: (request) => {
        seen.push(request.headers.get("Accept-Encoding"));
        return { headers: { "Content-Encoding": "br" } };
      },
    });
    const error = await collect(fetchRange(remote(url), 0, 10), 10).catch((reason) => reason);
    expect(seen).toEqual(["identity"]);
    expect(error.message).toBe(
      "file.bin: bytes as they lie in the file expected, bytes packed with br found; have the server send it as it is",
    );
  });

  it("takes a part whose place a browser does not show for the part that was asked for", async () => {
    const hiding: typeof fetch = async (input, init) => {
      const response = fileResponse(new Request(input, init), { bytes, oid: "a" }, true);
      response.headers.delete("Content-Range");
      return Object.defineProperty(response, "type", { value: "cors" });
    };
    const file = { ...remote("https://host.test/file.bin"), fetch: hiding };
    expect(await collect(fetchRange(file, 1000, 2000), 1000)).toEqual(bytes.slice(1000, 2000));
    const source = await openUrl("https://host.test/file.bin", { fetch: hiding });
    expect(source.byteLength).toBe(bytes.byteLength);
    expect(await source.read(1000, 1000)).toEqual(bytes.slice(1000, 2000));
    await source.close?.();
  });

  it("stops when it is told to", async () => {
    const url = await start({ faultOf: () => ({ delayMs: 200 }) });
    const stop = new AbortController();
    const whole = collect(fetchRange(remote(url), 0, bytes.byteLength, { signal: stop.signal }), bytes.byteLength);
    setTimeout(() => stop.abort(new Error("enough")), 100);
    await expect(whole).rejects.toThrow("enough");
  });
});

describe("openUrl", () => {
  it("reads by ranges, and fetches only these", async () => {
    const source = await openUrl(await start());
    expect(source.byteLength).toBe(bytes.byteLength);
    const before = server?.sentBytes ?? 0;
    expect(await source.read(5, 10)).toEqual(bytes.slice(5, 15));
    expect((server?.sentBytes ?? 0) - before).toBe(10);
    await expect(source.read(bytes.byteLength, 1)).rejects.toThrow("truncated");
  });

  it("fetches a file once, in one request, when it is said that all of it will be read", async () => {
    let requests = 0;
    const source = await openUrl(await start({ faultOf: () => void requests++ }));
    await source.complete?.();
    const [requestsBefore, before] = [requests, server?.sentBytes ?? 0];
    for (let at = 0; at < bytes.byteLength; at += 1000) {
      expectBytes(await source.read(at, 1000), bytes.subarray(at, at + 1000));
    }
    expect((server?.sentBytes ?? 0) - before).toBe(bytes.byteLength);
    expect(requests - requestsBefore).toBe(1);
    await source.close?.();
  });

  it("fetches all of a file of a server that gives no ranges", async () => {
    const source = await openUrl(await start({ hasRanges: false }));
    expect(source.byteLength).toBe(bytes.byteLength);
    expect(await source.read(299_990, 10)).toEqual(bytes.slice(-10));
    await source.close?.();
  });

  it("reads a file whose size the server does not tell, part by part", async () => {
    const piecemeal = async (request: Request) => {
      const at = Number(/^bytes=(\d+)-/.exec(request.headers.get("Range") ?? "")?.[1]);
      if (at >= bytes.byteLength) return new Response("", { status: 416 });
      const end = Math.min(at + 70_000, bytes.byteLength);
      const headers = { "Content-Range": `bytes ${at}-${end - 1}/*` };
      return new Response(bytes.slice(at, end), { status: 206, headers });
    };
    server = await serve({ answer: piecemeal });
    const source = await openUrl(server.url);
    expect(source.byteLength).toBe(bytes.byteLength);
    expect(await source.read(0, bytes.byteLength)).toEqual(bytes);
    await expect(source.read(bytes.byteLength, 1)).rejects.toMatchObject({ code: "ERR_CHECKPOINT_TRUNCATED" });
    await source.close?.();
  });

  it("reads a packed file of a server that gives no ranges", async () => {
    const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
    const body = new Uint8Array(await new Response(packed).arrayBuffer());
    const headers = { "Content-Encoding": "gzip", "Content-Length": String(body.byteLength) };
    server = await serve({ answer: async () => new Response(body, { headers }) });
    const source = await openUrl(server.url);
    expect(await source.read(0, bytes.byteLength)).toEqual(bytes);
    expect(source.byteLength).toBe(bytes.byteLength);
    await source.close?.();
  });

  it.each([true, false])("opens an empty file (ranges: %s)", async (hasRanges) => {
    const source = await openUrl(await start({ hasRanges, bytesOf: () => new Uint8Array() }));
    expect(source.byteLength).toBe(0);
    expect(await source.read(0, 0)).toEqual(new Uint8Array());
    await source.close?.();
  });

  it.each([
    ["the same length", bytes.slice().reverse(), 'ETag "a" expected, "b" found'],
    ["another length", bytes.slice(1), "300000 bytes expected, 299999 found"],
    ["fewer bytes than were read", bytes.slice(0, 4), "it has 4 bytes, and those from 5 on were asked for"],
  ])("refuses a file that became one of %s between two reads", async (_, other, found) => {
    let current = bytes;
    const source = await openUrl(await start({ bytesOf: () => current }));
    expect(await source.read(5, 10)).toEqual(bytes.slice(5, 15));
    current = other;
    const error = await source.read(5, 10).catch((reason) => reason);
    expect(error.code).toBe("ERR_HTTP_CHANGED");
    expect(error.message).toContain(`: the file on the server has changed: ${found}; load it again`);
  });

  it.each(["file:///etc/passwd", "nothing", "https://"])("refuses %s at once", async (address) => {
    await expect(openUrl(address)).rejects.toMatchObject({ code: "ERR_HTTP_ADDRESS" });
  });

  it("says so when there is no server", async () => {
    const url = await start();
    await server?.close();
    const error = await openUrl(url).catch((e) => e);
    server = undefined;
    expect(error.code).toBe("ERR_HTTP_CONNECTION");
    expect(error.message).toContain("ECONNREFUSED");
  });
});
