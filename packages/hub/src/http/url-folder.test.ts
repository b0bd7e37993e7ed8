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

  it("says so when the server refuses", async () => {
    const refusing: typeof fetch = async () => new Response("", { status: 401 });
    const folder = openUrlFolder("https://host.test/models/a", NAMES, { fetch: refusing });
    await expect(folder.list()).rejects.toThrow(
      "https://host.test/models/a/config.json: the server answers with status 401",
    );
  });
});
