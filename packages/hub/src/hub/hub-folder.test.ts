import type { ByteSource } from "@blackmamba/checkpoint";
import {
  countingBytes,
  createFakeHub,
  expectBytes,
  type FakeHub,
  HUB_COMMIT,
  makeCacheFolder,
} from "@blackmamba/testing";
import { describe, expect, it } from "vitest";
import { openCache } from "../open-cache.ts";
import { type HubOptions, openHubFolder } from "./hub-folder.ts";

const MEBIBYTE = 1024 * 1024;
const MODEL = "owner/model";

const encode = (text: string) => new TextEncoder().encode(text);

async function readAll(source: ByteSource): Promise<Uint8Array> {
  await source.complete?.();
  const bytes = await source.read(0, source.byteLength);
  await source.close?.();
  return bytes;
}

const weights = countingBytes(40 * MEBIBYTE + 3);
const models = { [MODEL]: { "config.json": encode("{}"), "empty.txt": new Uint8Array(), "weights.bin": weights } };
const setUp = async (hub: FakeHub, options: HubOptions = {}) => {
  const cacheFolder = options.cacheFolder ?? (await makeCacheFolder());
  const all = { endpoint: "https://hub.test", fetch: hub.fetch, isOffline: false, ...options, cacheFolder };
  return { cacheFolder, open: (name = MODEL) => openHubFolder(name, all) };
};
const fetched = (hub: FakeHub) => hub.requests.filter((request) => /resolve|cdn/.test(request));

describe("openHubFolder", () => {
  it("lists a model's files, and fetches each of them once", async () => {
    const hub = createFakeHub({ models });
    const { open } = await setUp(hub);
    const folder = await open();
    expect(await folder.list()).toEqual(["config.json", "empty.txt", "weights.bin"]);
    expect(hub.requests.filter((request) => /resolve/.test(request))).toEqual([]);
    expectBytes(await readAll(await folder.open("weights.bin")), weights);
    expectBytes(await readAll(await folder.open("config.json")), encode("{}"));
    expectBytes(await readAll(await folder.open("empty.txt")), new Uint8Array());
    const before = fetched(hub).length;
    const again = await open(`${MODEL}@${HUB_COMMIT}`);
    expectBytes(await readAll(await again.open("weights.bin")), weights);
    expectBytes(await readAll(await again.open("config.json")), encode("{}"));
    expect(fetched(hub)).toHaveLength(before);
  });

  it("gives what is read far ahead at once, and fetches it only once", async () => {
    const hub = createFakeHub({ models });
    const { open } = await setUp(hub);
    const source = await (await open()).open("weights.bin");
    const end = weights.byteLength;
    expectBytes(await source.read(end - 100, 100), weights.slice(-100));
    expectBytes(await source.read(0, 8), weights.slice(0, 8));
    expect(fetched(hub).filter((request) => request.includes("cdn"))).toHaveLength(2);
    expectBytes(await readAll(source), weights);
    const lengths = hub.requests
      .map((request) => / bytes=(\d+)-(\d+)$/.exec(request))
      .filter((match) => match?.input.includes("cdn"))
      .map((match) => Number(match?.[2]) + 1 - Number(match?.[1]));
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(end);
  });

  it("can be read while it comes", async () => {
    const hub = createFakeHub({ models });
    const { open } = await setUp(hub);
    const source = await (await open()).open("weights.bin");
    const whole = source.complete?.();
    for (let at = 0; at < weights.byteLength; at += 4 * MEBIBYTE) {
      const byteLength = Math.min(4 * MEBIBYTE, weights.byteLength - at);
      expectBytes(await source.read(at, byteLength), weights.slice(at, at + byteLength));
    }
    await whole;
    await source.close?.();
  });

  it("goes on with a download that ended too soon", async () => {
    const hub = createFakeHub({ models });
    // The connection falls silent half-way.
    const stalling: typeof fetch = (input, init) => {
      const start = Number(/bytes=(\d+)-/.exec(new Headers(init?.headers).get("Range") ?? "")?.[1] ?? 0);
      if (start < 16 * MEBIBYTE) return hub.fetch(input, init);
      return new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    };
    const { open: openStalling, cacheFolder } = await setUp(hub, { fetch: stalling });
    const first = await (await openStalling()).open("weights.bin");
    await first.read(0, 16 * MEBIBYTE);
    await first.close?.();
    const [partial] = await (await openCache(cacheFolder)).list();
    expect(partial).toMatchObject({ byteLength: 0, partialByteLength: 16 * MEBIBYTE });
    const { open } = await setUp(hub, { cacheFolder });
    const before = hub.requests.length;
    expectBytes(await readAll(await (await open()).open("weights.bin")), weights);
    const starts = hub.requests.slice(before).map((request) => Number(/bytes=(\d+)-/.exec(request)?.[1] ?? Infinity));
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(16 * MEBIBYTE);
  });

  it("refuses what is not what was published, and keeps nothing of it", async () => {
    const hub = createFakeHub({ models });
    const { open, cacheFolder } = await setUp(hub);
    const folder = await open();
    hub.corrupt("weights.bin", weights.slice().fill(0, 100, 101));
    hub.corrupt("config.json", encode("[]"));
    for (const [path, algorithm] of [
      ["weights.bin", "sha256"],
      ["config.json", "git-sha1"],
    ] as const) {
      const source = await folder.open(path);
      const error = await Promise.resolve(source.complete?.()).catch((reason) => reason);
      expect(error?.code).toBe("ERR_HUB_HASH");
      expect(error?.message).toMatch(
        new RegExp(`^owner/model/${path}: ${algorithm} [0-9a-f]+ expected, [0-9a-f]+ found`),
      );
      await source.close?.();
    }
    const [model] = await (await openCache(cacheFolder)).list();
    expect(model?.byteLength ?? 0).toBe(0);
    expect(model?.partialByteLength ?? 0).toBe(0);
  });

  it("manages without ranges", async () => {
    const hub = createFakeHub({ models, hasRanges: false });
    const { open } = await setUp(hub);
    expectBytes(await readAll(await (await open()).open("weights.bin")), weights);
  });

  it("falls back on the cache where the hub cannot be reached, and says so where that has nothing", async () => {
    const hub = createFakeHub({ models });
    const { open, cacheFolder } = await setUp(hub);
    expectBytes(await readAll(await (await open()).open("config.json")), encode("{}"));
    const unreachable: typeof fetch = async () => {
      throw new TypeError("fetch failed", { cause: new Error("no route to host") });
    };
    for (const options of [{ fetch: unreachable }, { isOffline: true }]) {
      const { open: openAgain } = await setUp(hub, { cacheFolder, ...options });
      const folder = await openAgain();
      expect(await folder.list()).toEqual(["config.json"]);
      expectBytes(await readAll(await folder.open("config.json")), encode("{}"));
      const error = await openAgain("owner/other").catch((reason) => reason);
      expect(error.code).toBe("ERR_HTTP_CONNECTION");
      expect(error.message).toContain("owner/other: it is not in the cache, and ");
    }
  });

  it("says what a hub refuses, and never shows it from the cache", async () => {
    const { open: openWith, cacheFolder } = await setUp(createFakeHub({ models, token: "secret" }), {
      token: "secret",
    });
    expectBytes(await readAll(await (await openWith()).open("config.json")), encode("{}"));
    const { open } = await setUp(createFakeHub({ models, token: "secret" }), { token: "wrong", cacheFolder });
    const error = await open().catch((reason) => reason);
    expect(error.code).toBe("ERR_HUB_NOT_FOUND");
    expect(error.message).toBe(
      "owner/model: https://hub.test does not show this model, or has none of this name (status 401); " +
        "check the name and the revision, and whether the token in HF_TOKEN may read it",
    );
    const { open: openOther } = await setUp(createFakeHub({ models }));
    await expect(openOther("owner/model@v2")).rejects.toThrow(
      "owner/model@v2: https://hub.test has no such model or revision",
    );
  });

  it("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const { open } = await setUp(createFakeHub({ models }), { signal });
    await expect(open()).rejects.toThrow("enough");
  });

  it("lists, verifies and removes what is kept", async () => {
    const hub = createFakeHub({ models });
    const { open, cacheFolder } = await setUp(hub);
    const folder = await open();
    for (const path of await folder.list()) await readAll(await folder.open(path));
    const cache = await openCache(cacheFolder);
    const [model, ...others] = await cache.list();
    expect(others).toEqual([]);
    expect(model).toMatchObject({ name: MODEL, byteLength: weights.byteLength + 2, partialByteLength: 0 });
    expect(model?.revisions).toContain("main");
    expect(await cache.verify(MODEL)).toEqual([
      { path: "config.json", byteLength: 2, isRight: true },
      { path: "empty.txt", byteLength: 0, isRight: true },
      { path: "weights.bin", byteLength: weights.byteLength, isRight: true },
    ]);
    expect(await cache.remove(MODEL)).toBe(true);
    expect(await cache.remove(MODEL)).toBe(false);
    expect(await cache.list()).toEqual([]);
  });
});
