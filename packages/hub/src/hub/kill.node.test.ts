/** What becomes of a download whose process dies, and of one that several processes want at once. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countingBytes, createFakeHub, HUB_COMMIT, randomNumbers } from "@blackmamba/testing";
import { type RunningServer, serve } from "@blackmamba/testing/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { openCache } from "../open-cache.ts";
import { bundleFetchProgram, type FetchProgram } from "../testing/fetch-processes.node.ts";

const MODEL = "owner/model";
const weights = countingBytes(2_000_001);
const sha256 = createHash("sha256").update(weights).digest("hex");

const KILLS = 100;
/** While one starts, others wait for their bytes. */
const CACHES_AT_ONCE = 5;

let program: FetchProgram;
beforeAll(async () => {
  program = await bundleFetchProgram();
});
afterAll(() => program.remove());

let folder: string;
let server: RunningServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hub-"));
  const hub = createFakeHub({ models: { [MODEL]: { "config.json": new Uint8Array(10), "weights.bin": weights } } });
  // Slowly, so that a process dies in the middle and not behind full buffers.
  server = await serve({ answer: hub.answer, faultOf: () => ({ delayMs: 10 }) });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const start = (cacheFolder: string) => program.start({ model: MODEL, endpoint: server.url, cacheFolder });

/** Starts processes one after another, and kills each so long after its first byte, until one has been killed for each delay. */
async function killAll(cacheFolder: string, delaysMs: readonly number[]): Promise<number> {
  let finished = 0;
  for (let killed = 0; killed < delaysMs.length; ) {
    const { child, ended } = start(cacheFolder);
    let timer: ReturnType<typeof setTimeout> | undefined;
    child.stdout?.once("data", () => {
      timer = setTimeout(() => child.kill("SIGKILL"), delaysMs[killed]);
    });
    const end = await ended;
    clearTimeout(timer);
    const cache = await openCache(cacheFolder);
    if (end === undefined) {
      killed++;
      // What is found in the cache is whole.
      for (const { isRight } of await cache.verify(MODEL)) expect(isRight).toBe(true);
    } else {
      finished++;
      expect(end.error).toBe("");
      expect(JSON.parse(end.output)["weights.bin"]).toBe(sha256);
      await cache.remove(MODEL);
    }
  }
  const last = await start(cacheFolder).ended;
  expect(JSON.parse(last?.output ?? "{}")["weights.bin"]).toBe(sha256);
  // Nothing is left over beside the files.
  expect(await readdir(join(cacheFolder, "models--owner--model", "blobs"))).toHaveLength(2);
  return finished + 1;
}

it("gives the right bytes whenever processes are killed, and fetches hardly any of them again", {
  timeout: 300_000,
}, async () => {
  const delaysMs = Array.from(randomNumbers(7, KILLS), (number) => 300 * (Math.abs(number) % 1));
  const finished = await Promise.all(
    Array.from({ length: CACHES_AT_ONCE }, (_, index) =>
      killAll(
        join(folder, String(index)),
        delaysMs.filter((__, i) => i % CACHES_AT_ONCE === index),
      ),
    ),
  );
  const wholes = finished.reduce((sum, count) => sum + count, 0);
  console.info(`killed ${KILLS}, finished ${wholes}, sent ${server.sentBytes}`);
  // A killed process loses what lay in the sockets: a few pieces. Without what was kept it would be a megabyte.
  expect(server.sentBytes).toBeLessThan(wholes * 2_000_100 + KILLS * 250_000);
});

it("lets several processes fetch the same model at once", async () => {
  const ends = await Promise.all([start(folder).ended, start(folder).ended, start(folder).ended]);
  for (const end of ends) expect(JSON.parse(end?.output ?? "{}")["weights.bin"]).toBe(sha256);
  const snapshot = join(folder, "models--owner--model", "snapshots", HUB_COMMIT);
  expect(await readdir(snapshot)).toEqual(["config.json", "weights.bin"]);
  expect(await readlink(join(snapshot, "weights.bin"))).toBe(join("..", "..", "blobs", sha256));
  expect(await readdir(join(folder, "models--owner--model", "blobs"))).toHaveLength(2);
});
