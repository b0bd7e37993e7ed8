/** What becomes of a download whose process dies, and of one that two processes want at once. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { countingBytes, createFakeHub, HUB_COMMIT, randomNumbers } from "@blackmamba/testing";
import { type RunningServer, serve } from "@blackmamba/testing/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { openCache } from "../open-cache.ts";

const MODEL = "owner/model";
const weights = countingBytes(6_000_001);
const sha256 = createHash("sha256").update(weights).digest("hex");

const root = fileURLToPath(new URL("../../../../", import.meta.url));

let programs: string;
let program: string;
beforeAll(async () => {
  programs = await mkdtemp(join(tmpdir(), "hub-program-"));
  program = join(programs, "fetch-model.mjs");
  const entry = "packages/hub/src/testing/fetch-model.ts";
  await promisify(execFile)(process.execPath, ["scripts/bundle.mjs", entry, program], { cwd: root });
  await access(program);
});
afterAll(() => rm(programs, { recursive: true }));

let cacheFolder: string;
let server: RunningServer;
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), "hub-"));
  const hub = createFakeHub({ models: { [MODEL]: { "config.json": new Uint8Array(10), "weights.bin": weights } } });
  // Slowly, so that a process dies in the middle and not behind full buffers.
  server = await serve({ answer: hub.answer, faultOf: () => ({ delayMs: 4 }) });
});
afterEach(async () => {
  await server.close();
  await rm(cacheFolder, { recursive: true });
});

function start(): { readonly child: ChildProcess; readonly ended: Promise<string | undefined> } {
  const env = { ...process.env, NODE_OPTIONS: "", HF_ENDPOINT: server.url, HF_HUB_CACHE: cacheFolder, HF_TOKEN: "" };
  const child = spawn(process.execPath, [program, MODEL], { env, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout?.on("data", (piece) => {
    text += piece;
  });
  const ended = new Promise<string | undefined>((resolve) =>
    child.on("close", (code) => resolve(code === 0 ? text : undefined)),
  );
  return { child, ended };
}

it("gives the right bytes whenever processes are killed, and fetches hardly any of them again", {
  timeout: 300_000,
}, async () => {
  const kills = 100;
  const delays = randomNumbers(7, kills).map((number) => Math.abs(number) % 1);
  let killed = 0;
  let finished = 0;
  for (const delay of delays) {
    const { child, ended } = start();
    let timer: ReturnType<typeof setTimeout> | undefined;
    child.stdout?.once("data", () => {
      timer = setTimeout(() => child.kill("SIGKILL"), 300 * delay);
    });
    const text = await ended;
    clearTimeout(timer);
    if (text === undefined) {
      killed++;
      // What is found in the cache is whole.
      for (const { isRight } of await (await openCache(cacheFolder)).verify(MODEL)) expect(isRight).toBe(true);
    } else {
      finished++;
      expect(JSON.parse(text)["weights.bin"]).toBe(sha256);
      await (await openCache(cacheFolder)).remove(MODEL);
    }
  }
  expect(JSON.parse((await start().ended) ?? "{}")["weights.bin"]).toBe(sha256);
  console.info(`killed ${killed}, finished ${finished}, sent ${server.sentBytes}`);
  expect(killed).toBeGreaterThan(kills / 4);
  // A killed process loses what lay in the sockets; a megabyte is ample.
  expect(server.sentBytes).toBeLessThan((finished + 1) * 6_100_000 + killed * 1_000_000);
  // Nothing is left over beside the files.
  const blobs = await readdir(join(cacheFolder, "models--owner--model", "blobs"));
  expect(blobs.filter((name) => name.endsWith(".partial"))).toEqual([]);
});

it("lets several processes fetch the same model at once", async () => {
  const texts = await Promise.all([start().ended, start().ended, start().ended]);
  for (const text of texts) expect(JSON.parse(text ?? "{}")["weights.bin"]).toBe(sha256);
  const snapshot = join(cacheFolder, "models--owner--model", "snapshots", HUB_COMMIT);
  expect(await readdir(snapshot)).toEqual(["config.json", "weights.bin"]);
  expect(await readlink(join(snapshot, "weights.bin"))).toBe(join("..", "..", "blobs", sha256));
  expect(await readdir(join(cacheFolder, "models--owner--model", "blobs"))).toHaveLength(2);
});
