import { fileResponse } from "@blackmamba/testing";
import { describe, expect, it } from "vitest";
import { openUrlFolder } from "./url-folder.ts";

const files: Readonly<Record<string, string>> = { "/models/a/config.json": "{}", "/models/a/model 1.bin": "weights" };

/** A server that shows a page for whatever it does not have, as many do. */
const server: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const text = files[decodeURIComponent(new URL(request.url).pathname)];
  if (text === undefined) return new Response("<html>", { headers: { "Content-Type": "text/html; charset=utf-8" } });
  return fileResponse(request, { bytes: new TextEncoder().encode(text), oid: text }, true);
};

const NAMES = ["config.json", "tokenizer.json", "model 1.bin"];

describe("openUrlFolder", () => {
  it.each([
    "https://host.test/models/a",
    "https://host.test/models/a/",
    "https://host.test/models/a/model%201.bin?x=1",
  ])("finds the files beside %s", async (url) => {
    const folder = openUrlFolder(url, NAMES, { fetch: server });
    expect(folder.name).toBe("https://host.test/models/a/");
    expect(await folder.list()).toEqual(["config.json", "model 1.bin"]);
    const source = await folder.open("model 1.bin");
    expect(source.name).toBe("https://host.test/models/a/model%201.bin");
    expect(new TextDecoder().decode(await source.read(1, 3))).toBe("eig");
  });

  it.each([
    ["https://host.test/models/BlackMamba-1.5B", "https://host.test/models/BlackMamba-1.5B/"],
    ["https://host.test/models/BlackMamba-1.5B//", "https://host.test/models/BlackMamba-1.5B/"],
    ["https://host.test/models/a?signature=a/b.c", "https://host.test/models/a/"],
    ["https://host.test", "https://host.test/"],
    ["https://host.test/a/model.GGUF#x", "https://host.test/a/"],
  ])("takes %s for %s", (url, folder) => {
    expect(openUrlFolder(url, []).name).toBe(folder);
  });

  it.each(["", "https://", "models/a"])("refuses %j", (url) => {
    expect(() => openUrlFolder(url, [])).toThrow(
      `${url}: an address that begins with "https://" or "http://" expected; mend it`,
    );
  });

  it("asks again while the server is busy, and says so when there is none", async () => {
    let requests = 0;
    const busy: typeof fetch = async (input, init) =>
      requests++ < 3 ? new Response("", { status: 500 }) : server(input, init);
    expect(await openUrlFolder("https://host.test/models/a/", ["config.json"], { fetch: busy }).list()).toEqual([
      "config.json",
    ]);
    const none: typeof fetch = async () => {
      throw new TypeError("fetch failed", { cause: Object.assign(new AggregateError([]), { code: "ECONNREFUSED" }) });
    };
    const error = await openUrlFolder("https://host.test/a", NAMES, { fetch: none })
      .list()
      .catch((e) => e);
    expect(error.code).toBe("ERR_HTTP_CONNECTION");
    expect(error.message).toContain("https://host.test cannot be reached (ECONNREFUSED); is the network up?");
  });

  it("says so when the server refuses", async () => {
    const refusing: typeof fetch = async () => new Response("", { status: 401 });
    const folder = openUrlFolder("https://host.test/models/a", NAMES, { fetch: refusing });
    await expect(folder.list()).rejects.toThrow(
      "https://host.test/models/a/config.json: the server answers with status 401; it wants an access token, or another one",
    );
  });
});
