import { fileResponse } from "@blackmamba/testing";
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

  it("goes on where a connection broke, 20 times, and fetches no byte twice", async () => {
    let breaks = 0;
    const url = await start({ faultOf: () => (breaks++ < 20 ? { breakAfter: 10_000 + breaks } : undefined) });
    expect(await collect(fetchRange(remote(url), 0, bytes.byteLength), bytes.byteLength)).toEqual(bytes);
    expect(breaks).toBe(21);
    expect(server?.sentBytes).toBe(bytes.byteLength);
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

  it("fetches all of a file of a server that gives no ranges", async () => {
    const source = await openUrl(await start({ hasRanges: false }));
    expect(source.byteLength).toBe(bytes.byteLength);
    expect(await source.read(299_990, 10)).toEqual(bytes.slice(-10));
    await source.close?.();
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
