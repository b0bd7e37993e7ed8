/** The built command with a model on a hub: a server of its own, over sockets. */
import { execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createFakeHub, type FakeHub, makeCacheFolder } from "@blackmamba/testing";
import { type RunningServer, type ServeOptions, serve } from "@blackmamba/testing/node";
import { afterEach, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const main = join(root, "apps/cli/dist/main.js");

/** What the storyteller writes greedily. */
const GREEDY = ["generate", "The dog was", "--max-tokens", "6", "--device", "cpu", "--model"];

let files: Record<string, Uint8Array>;
beforeAll(async () => {
  // As in `cli.node.test.ts`: a test of the build must not test a stale one.
  await promisify(execFile)(
    join(root, "node_modules/.bin/turbo"),
    ["run", "build", "--filter=@blackmamba/cli...", "--output-logs=errors-only"],
    { cwd: root, env: { ...process.env, CI: "true", TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" } },
  );
  const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
  const read = async (name: string) => [name, await readFile(join(root, "packages/storyteller/model", name))] as const;
  files = Object.fromEntries(await Promise.all(names.map(read)));
}, 300_000);

let server: RunningServer | undefined;
afterEach(() => server?.close());

async function publish(
  options: { readonly token?: string; readonly faultOf?: ServeOptions["faultOf"] } = {},
): Promise<{ readonly hub: FakeHub; readonly run: typeof blackmamba }> {
  const hub = createFakeHub({ models: { "owner/story": files }, token: options.token });
  server = await serve({ answer: hub.answer, faultOf: options.faultOf });
  const env = { HF_ENDPOINT: server.url, HF_HUB_CACHE: await makeCacheFolder(), HF_TOKEN: "", HF_HUB_OFFLINE: "" };
  return { hub, run: (args, more) => blackmamba(args, { ...env, ...more }) };
}

function blackmamba(args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, NODE_OPTIONS: "", ...env } });
  child.stdin.end();
  const text = { out: "", err: "" };
  child.stdout.on("data", (piece) => (text.out += piece));
  child.stderr.on("data", (piece) => (text.err += piece));
  return new Promise<{ readonly exitCode: number | null; readonly out: string; readonly err: string }>((resolve) =>
    child.on("close", (exitCode) => resolve({ exitCode, ...text })),
  );
}

test("writes the same text as from a folder, over a connection that breaks, and then without a network", async () => {
  const { out: expected } = await blackmamba([...GREEDY, join(root, "packages/storyteller/model")], {});
  let breaks = 0;
  const { hub, run } = await publish({
    faultOf: ({ url }) => (url.includes("/cdn/") && breaks++ < 20 ? { breakAfter: 700_000 } : undefined),
  });
  const first = await run([...GREEDY, "owner/story"], {});
  expect(first).toMatchObject({ exitCode: 0, out: expected });
  expect(breaks).toBeGreaterThan(20);
  const before = hub.requests.length;
  const again = await run([...GREEDY, "owner/story"], { HF_HUB_OFFLINE: "1" });
  expect(again).toMatchObject({ exitCode: 0, out: expected });
  expect(hub.requests).toHaveLength(before);
  const list = await run(["cache", "list", "--json"], {});
  expect(JSON.parse(list.out)).toMatchObject([{ name: "owner/story", partialByteLength: 0 }]);
  expect((await run(["cache", "verify"], {})).exitCode).toBe(0);
  expect((await run(["cache", "remove", "owner/story"], {})).exitCode).toBe(0);
  expect(JSON.parse((await run(["cache", "list", "--json"], {})).out)).toEqual([]);
});

test("says what is wrong in one line", async () => {
  const { run } = await publish({ token: "hf_right" });
  const refused = await run([...GREEDY, "owner/story"], {});
  expect(refused.exitCode).toBe(1);
  expect(refused.err.split("\n").at(-2)).toContain("if it is private or gated, put an access token into HF_TOKEN");
  expect((await run(["info", "--model", "owner/story", "--json"], { HF_TOKEN: "hf_right" })).exitCode).toBe(0);
  const none = await run(["info", "--model", "owner/nothing"], { HF_TOKEN: "hf_right" });
  expect(none.exitCode).toBe(1);
  expect(none.err).toMatch(/^blackmamba: owner\/nothing: there is no such folder here; on the hub: .*status 404.*\n$/);
  const offline = await run(["info", "--model", "owner/other"], { HF_HUB_OFFLINE: "1" });
  expect(offline.err).toMatch(/^blackmamba: owner\/other: .*it is not in the cache.*HF_HUB_OFFLINE.*\n$/);
});

test("refuses a file that is not what was published, and keeps nothing of it", async () => {
  const { hub, run } = await publish();
  const wrong = (files["model.safetensors"] as Uint8Array).slice();
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
  hub.corrupt("model.safetensors", wrong);
  const { exitCode, err } = await run([...GREEDY, "owner/story"], {});
  expect(exitCode).toBe(1);
  expect(err).toMatch(/blackmamba: owner\/story\/model.safetensors: sha256 \w+ expected, \w+ found: .*\n$/);
  const [model] = JSON.parse((await run(["cache", "list", "--json"], {})).out);
  expect(model.byteLength).toBeLessThan(1_000_000);
  expect(model.partialByteLength).toBe(0);
});

test("convert takes a model from a hub", async () => {
  const { run } = await publish();
  const target = join(await makeCacheFolder(), "converted");
  expect(await run(["convert", "owner/story", target, "--format", "gguf"], {})).toMatchObject({ exitCode: 0 });
  const { out: expected } = await blackmamba([...GREEDY, join(root, "packages/storyteller/model")], {});
  expect((await run([...GREEDY, target], {})).out).toBe(expected);
});

test("info fetches no more than it shows", async () => {
  const { run } = await publish();
  expect((await run(["info", "--model", "owner/story"], {})).exitCode).toBe(0);
  expect(server?.sentBytes).toBeLessThan(3_000_000);
});
