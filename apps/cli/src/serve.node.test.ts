/** `blackmamba serve` against a stand-in for the library; as a process, with clients: `scripts/bench-server.test.mjs`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RequestRecord } from "@blackmamba/server";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { nameOf } from "./commands/serve.ts";
import { run } from "./run.ts";
import { type FakeIoOptions, fakeIo, INTERRUPTED } from "./testing/fake-io.ts";
import { type FakeLibraryOptions, fakeLibrary } from "./testing/fake-library.ts";

let folder: string;
const file = async (name: string, text: string) => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-serve-"));
});

afterAll(() => rm(folder, { recursive: true }));

/** Serves until the address was printed, and is then told to stop. */
async function serve(args: string[], options: FakeLibraryOptions = {}, ioOptions: FakeIoOptions = {}) {
  const library = fakeLibrary(options);
  const io = fakeIo({ ...ioOptions, onOut: (own) => own.stop(INTERRUPTED) });
  const exitCode = await run(["serve", ...args], io, library);
  const asked = library.calls.find(({ name }) => name === "serve")?.arguments[0];
  return { exitCode, out: io.out(), errLines: io.err().split("\n").slice(0, -1), library, asked };
}

test("says where it listens when the model is there, and ends well when it is told to", async () => {
  const { exitCode, out, errLines, library, asked } = await serve([]);
  expect(out).toBe("http://127.0.0.1:8080\n");
  expect(errLines).toEqual([
    "device cpu: there is no WebGPU adapter",
    expect.stringMatching(/^loaded 26\.0 MB in/),
    "shutting down: finishing what is under way",
  ]);
  expect(exitCode).toBe(0);
  expect(asked).toEqual({
    ...{ host: "127.0.0.1", port: 8080, keys: [], chatTemplate: undefined, corsOrigins: undefined },
    ...{ modelName: "storyteller", batchSize: 32, queueSize: 128, timeoutMs: 600_000, prefixCacheByteLength: 0 },
    limits: { maxTokens: 4096, promptTokens: 16_384, bodyByteLength: 2 ** 20 },
  });
  expect(library.calls.map(({ name }) => name)).toEqual(["findChatTemplate", "serve", "selectDevice", "load", "close"]);
  expect(library.calls.at(-1)?.arguments).toEqual([30_000]);
  expect(library.disposed).toEqual(["model", "device"]);
});

test("passes on what the user said", async () => {
  const keyFile = await file("keys", "# ours\none\n\ntwo\n");
  const template = await file("template", "{{ messages }}");
  const { asked, library } = await serve(
    [
      ...["--model", "owner/name@v1", "--device", "webgpu", "--quantize", "q8_0", "--host", "127.0.0.2", "--port", "0"],
      ...["--api-key-file", keyFile, "--batch-size", "8", "--queue", "0", "--timeout", "1.5", "--max-tokens", "99"],
      ...[
        "--max-prompt-tokens",
        "500",
        "--prefix-cache",
        "64MiB",
        "--chat-template",
        template,
        "--cors",
        "https://a.b",
      ],
      ...["--cors", "*", "--shutdown-timeout", "2", "--body-limit", "2MB"],
    ],
    {},
    { env: { BLACKMAMBA_API_KEYS: "three,four" } },
  );
  expect(asked).toEqual({
    ...{ host: "127.0.0.2", port: 0, keys: ["three", "four", "one", "two"], chatTemplate: "{{ messages }}" },
    ...{ corsOrigins: ["https://a.b", "*"], modelName: "owner/name", batchSize: 8, queueSize: 0, timeoutMs: 1500 },
    ...{ prefixCacheByteLength: 64 * 2 ** 20, limits: { maxTokens: 99, promptTokens: 500, bodyByteLength: 2_000_000 } },
  });
  expect(library.calls.filter(({ name }) => name !== "serve")).toEqual([
    { name: "selectDevice", arguments: ["webgpu"] },
    { name: "load", arguments: ["owner/name@v1", "q8_0"] },
    { name: "close", arguments: [2000] },
  ]);
});

test("takes the template that the model brings", async () => {
  expect((await serve([], { chatTemplate: "own" })).asked).toMatchObject({ chatTemplate: "own" });
});

test("warns where everyone may ask", async () => {
  const warning = expect.stringContaining("warning: without keys, everyone who reaches http://0.0.0.0:8080 may ask");
  expect((await serve(["--host", "0.0.0.0"])).errLines).toContainEqual(warning);
  const withKey = await serve(["--host", "0.0.0.0"], {}, { env: { BLACKMAMBA_API_KEYS: "k" } });
  expect(withKey.errLines).not.toContainEqual(warning);
});

describe("the log", () => {
  const record: RequestRecord = {
    ...{ method: "POST", path: "/v1/completions", route: "/v1/completions", status: 200, durationMs: 1200 },
    ...{ promptTokens: 5, completionTokens: 16, firstTokenMs: 80, error: undefined },
  };
  const bare = { promptTokens: 0, completionTokens: 0, firstTokenMs: undefined };
  const failure = Object.assign(new Error("told to the client"), { cause: new Error("the reason") }) as never;
  const requests: RequestRecord[] = [
    record,
    { ...record, ...bare, status: 400, error: Object.assign(new Error("n: expected\n1")) as never },
    { ...record, ...bare, path: "/health", route: "/health" },
    { ...record, status: 500, error: failure },
  ];

  test("has a line for each request, but for health, and says why the server failed", async () => {
    const { errLines } = await serve([], { requests });
    const time = String.raw`^\d{4}-\d\d-\d\dT[\d:.]+Z`;
    expect(errLines.slice(2, -1)).toEqual([
      expect.stringMatching(
        `${time} POST /v1/completions 200 in 1\\.2.* s, 5 tokens read, 16 written, the first after 80 ms$`,
      ),
      expect.stringMatching(`${time} POST /v1/completions 400 in .*: n: expected 1$`),
      expect.stringMatching(`${time} POST /v1/completions 500 in .*: told to the client$`),
      "blackmamba: the reason; set BLACKMAMBA_DEBUG=1 to see where",
    ]);
  });

  test("of --quiet says only why the server failed", async () => {
    const { errLines } = await serve(["--quiet"], { requests });
    expect(errLines.slice(2, -1)).toEqual(["blackmamba: the reason; set BLACKMAMBA_DEBUG=1 to see where"]);
  });
});

test("what clients call the model", () => {
  const names = {
    "owner/name": "owner/name",
    "owner/name@main": "owner/name",
    "./models/mine": "mine",
    "/data/mine/": "mine",
    mine: "mine",
    "mine.gguf": "mine",
    "../model.safetensors": "model",
    "https://a.example/models/x.gguf?sig=1": "x",
  };
  for (const [model, name] of Object.entries(names)) expect(nameOf(model)).toBe(name);
});

describe("one line, and nothing is served", () => {
  test.each([
    [["--port", "70000"], /^--port: expected a port from 1 to 65535, or 0 for any that is free, found "70000"/],
    [["--batch-size", "0"], /^--batch-size: expected a whole number from 1 /],
    [["--timeout", "0"], /^--timeout: expected a number of seconds /],
    [["--cors", "example.com"], /^--cors: expected an origin, such as https:\/\/example\.com, or \*, found /],
    [["--cors", "https://example.com/"], /^--cors: /],
    [["--prefix-cache", "5"], /^--prefix-cache: expected a size with its unit/],
    [["--host", "--port"], /^--host: expected an address/],
  ])("wrong use: %j", async (args, message) => {
    const { exitCode, errLines, asked } = await serve(args);
    expect(errLines).toHaveLength(1);
    expect(errLines[0]?.replace("blackmamba: ", "")).toMatch(message);
    expect([exitCode, asked]).toEqual([2, undefined]);
  });

  test("keys that are named, and are none", async () => {
    const empty = await serve(["--api-key-file", await file("none", "# nobody\n\n")]);
    expect(empty.errLines[0]).toContain("expected a key on each line, found none; write one into it");
    const missing = await serve(["--api-key-file", join(folder, "not-there")]);
    expect(missing.errLines[0]).toContain("--api-key-file: ");
    expect(missing.errLines[0]).toContain("ENOENT");
    const variable = await serve([], {}, { env: { BLACKMAMBA_API_KEYS: " " } });
    expect(variable.errLines[0]).toContain(
      "BLACKMAMBA_API_KEYS: expected keys, separated by commas, or no such variable",
    );
    for (const { exitCode, asked } of [empty, missing]) expect([exitCode, asked]).toEqual([1, undefined]);
    expect(variable.exitCode).toBe(2);
  });

  test("a model that cannot be loaded, and Ctrl-C while it loads", async () => {
    const error = Object.assign(new Error("no such model"), { code: "ERR_MODEL_FILE" });
    const failed = await serve([], { errors: { load: error } });
    expect([failed.exitCode, failed.errLines.at(-1)]).toEqual([1, "blackmamba: no such model"]);

    const library = fakeLibrary({ hangs: "load" });
    const io = fakeIo();
    const running = run(["serve"], io, library);
    await vi.waitFor(() => expect(library.calls.map(({ name }) => name)).toContain("load"));
    io.stop(INTERRUPTED);
    expect(await running).toBe(130);
    expect(io.out()).toBe("");
  });
});
