/** A model from a hub over sockets that break, stall and lie. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "@blackmamba/checkpoint";
import { countingBytes, createFakeHub, type FakeHubOptions, makeCacheFolder } from "@blackmamba/testing";
import { type Fault, type RunningServer, serve } from "@blackmamba/testing/node";
import { afterEach, describe, expect, it } from "vitest";
import { openCache } from "../open-cache.ts";
import { type HubOptions, openHubFolder } from "./hub-folder.ts";

const MODEL = "owner/model";
/** Of several ranges. */
const weights = countingBytes(20_000_001);
const models = { [MODEL]: { "config.json": new Uint8Array(10), "weights.bin": weights } };

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Setup extends Partial<FakeHubOptions> {
  /** Of requests for the weights' bytes. */
  readonly faultOf?: (request: Request) => Fault | undefined;
  /** Of all others. */
  readonly faultOfRest?: (request: Request) => Fault | undefined;
}

async function start({ faultOf, faultOfRest, ...options }: Setup = {}) {
  const hub = createFakeHub({ models, ...options });
  const isForBytes = (request: Request) => new URL(request.url).pathname.startsWith("/cdn/");
  server = await serve({
    answer: hub.answer,
    faultOf: (request) => (isForBytes(request) ? faultOf : faultOfRest)?.(request),
  });
  return { hub, endpoint: server.url };
}

async function open(endpoint: string, options: HubOptions = {}) {
  const cacheFolder = options.cacheFolder ?? (await makeCacheFolder());
  const folder = await openHubFolder(MODEL, { endpoint, isOffline: false, token: "", ...options, cacheFolder });
  return { folder, cacheFolder };
}

async function readAll(source: ByteSource): Promise<Uint8Array> {
  await source.complete?.();
  const bytes = await source.read(0, source.byteLength);
  await source.close?.();
  return bytes;
}

const isRight = async (source: ByteSource) => Buffer.compare(await readAll(source), weights) === 0;

describe("a model over a network", () => {
  it("comes whole over a connection that breaks 20 times, and goes on where it broke", async () => {
    let breaks = 0;
    const { endpoint } = await start({ faultOf: () => (breaks < 20 ? { breakAfter: 100_000 + breaks++ } : undefined) });
    const { folder } = await open(endpoint);
    const before = server?.sentBytes ?? 0;
    expect(await isRight(await folder.open("weights.bin"))).toBe(true);
    expect(breaks).toBe(20);
    // What lies in a socket when it breaks is lost: some of the 100 kB at most, far from a range of 8 MiB.
    expect((server?.sentBytes ?? 0) - before).toBeLessThan(weights.byteLength + 20 * 100_000);
  });

  it("comes whole over a connection that falls silent", async () => {
    let requests = 0;
    const { endpoint } = await start({ faultOf: () => (++requests <= 3 ? { stallAfter: 300_000 } : undefined) });
    const { folder } = await open(endpoint, { silenceMs: 1500 });
    expect(await isRight(await folder.open("weights.bin"))).toBe(true);
    expect(requests).toBeGreaterThanOrEqual(6);
  });

  it("comes whole from a server without ranges that breaks", async () => {
    let requests = 0;
    const breakAfter = [50_000, 9_000_000, 15_000_000];
    const { endpoint } = await start({ hasRanges: false, faultOf: () => ({ breakAfter: breakAfter[requests++] }) });
    const { folder } = await open(endpoint);
    expect(await isRight(await folder.open("weights.bin"))).toBe(true);
    expect(requests).toBeGreaterThanOrEqual(4);
  });

  it("comes whole when each answer is the server's fault at first", async () => {
    const seen = new Map<string, number>();
    const stumbling = (request: Request): Fault | undefined => {
      const what = request.url + request.headers.get("Range");
      seen.set(what, (seen.get(what) ?? 0) + 1);
      return (seen.get(what) ?? 0) <= 3 ? { status: 500 } : undefined;
    };
    const { endpoint } = await start({ faultOf: stumbling, faultOfRest: stumbling });
    const { folder } = await open(endpoint);
    expect(await folder.list()).toEqual(["config.json", "weights.bin"]);
    expect(await isRight(await folder.open("weights.bin"))).toBe(true);
  });

  it("is refused, and nothing of it kept, where it is not what was published", async () => {
    const { hub, endpoint } = await start();
    const wrong = weights.slice();
    wrong[19_999_999] = (wrong[19_999_999] ?? 0) ^ 1;
    hub.corrupt("weights.bin", wrong);
    const { folder, cacheFolder } = await open(endpoint);
    const source = await folder.open("weights.bin");
    await expect(source.complete?.()).rejects.toMatchObject({ code: "ERR_HUB_HASH" });
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: "ERR_HUB_HASH" });
    await source.close?.();
    expect(await (await openCache(cacheFolder)).list()).toMatchObject([{ byteLength: 0, partialByteLength: 0 }]);
  });

  it("is fetched with the token from the hub alone, which sends elsewhere for large files", async () => {
    const authorised: [string, string | null][] = [];
    const note = (request: Request) => {
      authorised.push([new URL(request.url).hostname, request.headers.get("Authorization")]);
      return undefined;
    };
    const { endpoint } = await start({ token: "secret", faultOf: note, faultOfRest: note });
    const { folder } = await open(endpoint, { token: "secret" });
    expect(await isRight(await folder.open("weights.bin"))).toBe(true);
    const hosts = new Map(authorised);
    expect(hosts.get("127.0.0.1")).toBe("Bearer secret");
    expect(hosts.get("localhost")).toBe(null);
    expect(new Set(authorised.map(String)).size).toBe(2);
  });

  it("says that a hub is silent, and uses the cache then", async () => {
    let isSilent = false;
    const { endpoint } = await start({ faultOfRest: () => (isSilent ? { stallAfter: 0 } : undefined) });
    const { folder, cacheFolder } = await open(endpoint);
    await readAll(await folder.open("config.json"));
    isSilent = true;
    const again = await open(endpoint, { cacheFolder, silenceMs: 100 });
    expect(await again.folder.list()).toEqual(["config.json"]);
    const error = await open(endpoint, { silenceMs: 100 }).catch((reason) => reason);
    expect(error.code).toBe("ERR_HTTP_CONNECTION");
    expect(error.message).toContain("owner/model: it is not in the cache, and ");
    expect(error.message).toMatch(/nothing came for 0.1 s|aborted due to timeout/);
  });

  it("comes from the cache where a network shows its own page in the hub's place", async () => {
    const { endpoint } = await start();
    const { folder, cacheFolder } = await open(endpoint);
    await readAll(await folder.open("config.json"));
    const page: typeof fetch = async () =>
      new Response("<html>Welcome</html>", { headers: { "Content-Type": "text/html" } });
    const again = await open(endpoint, { cacheFolder, fetch: page });
    expect(await again.folder.list()).toEqual(["config.json"]);
    await expect(open(endpoint, { fetch: page })).rejects.toThrow(/does not answer as a hub does .*check HF_ENDPOINT/);
  });

  it("can be read where its revision cannot be noted", async () => {
    const { endpoint } = await start();
    const { folder, cacheFolder } = await open(endpoint);
    await readAll(await folder.open("config.json"));
    const { folder: other, cacheFolder: unwritable } = await open(endpoint);
    await other.list();
    await writeFile(join(unwritable, "file"), "");
    const again = await open(endpoint, { cacheFolder: join(unwritable, "file") });
    expect(await again.folder.list()).toEqual(["config.json", "weights.bin"]);
    const source = await again.folder.open("config.json");
    await expect(source.complete?.()).rejects.toMatchObject({ code: "ERR_HUB_CACHE" });
    // What is not kept can be looked into all the same.
    expect(await (await again.folder.open("weights.bin")).read(5, 3)).toEqual(weights.slice(5, 8));
    expect(await (await open(endpoint, { cacheFolder })).folder.list()).toEqual(["config.json", "weights.bin"]);
  });

  it.each([
    ["a file of less than nothing", [{ type: "file", path: "a", size: -1, oid: "0".repeat(40) }], "the size of a in"],
    ["a path that leads elsewhere", [{ type: "file", path: "../a", size: 1, oid: "0".repeat(40) }], "a file's path"],
    ["a file without a hash", [{ type: "file", path: "a", size: 1, oid: "x" }], "the hub gives no hash for a that"],
    ["no list", {}, "does not answer as a hub does"],
  ])("is refused where a hub lists %s", async (_, tree, message) => {
    const hub = createFakeHub({ models });
    const lying: typeof fetch = async (input, init) =>
      String(input).includes("/tree/") ? Response.json(tree) : hub.fetch(input, init);
    const error = await open("https://hub.test", { fetch: lying }).catch((reason) => reason);
    expect(error.code).toBe("ERR_HTTP_RESPONSE");
    expect(error.message).toContain(message);
  });

  it("is refused where a hub's list has no end, and the token goes to nobody else meanwhile", async () => {
    const hub = createFakeHub({ models });
    let requests = 0;
    const seen = new Set<string>();
    const endless: typeof fetch = async (input, init) => {
      if (!String(input).includes("/tree/")) return hub.fetch(input, init);
      requests++;
      seen.add(`${new URL(String(input)).host} ${new Headers(init?.headers).get("Authorization")}`);
      return Response.json([], { headers: { Link: '<https://other.test/tree/main>; rel="next"' } });
    };
    const error = await open("https://hub.test", { fetch: endless, token: "secret" }).catch((reason) => reason);
    expect(error.message).toContain("owner/model: at most 100000 files expected, more found");
    expect(requests).toBeLessThan(1001);
    expect([...seen]).toEqual(["hub.test Bearer secret", "other.test null"]);
  });
});
