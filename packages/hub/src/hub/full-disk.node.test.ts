/** A disk without room: a process that may write no larger files meets the same as one whose disk is full. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countingBytes, createFakeHub } from "@blackmamba/testing";
import { serve } from "@blackmamba/testing/node";
import { expect, it, onTestFinished } from "vitest";
import { openCache } from "../open-cache.ts";
import { bundleFetchProgram } from "../testing/fetch-processes.node.ts";

const MODEL = "owner/model";
const weights = countingBytes(6_000_001);
const sha256 = createHash("sha256").update(weights).digest("hex");
/** The shell counts by 512 bytes, or 1024 in some. */
const BLOCKS = 2000;

it("says that there is no room, and goes on once there is, fetching nothing twice that was kept", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hub-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const program = await bundleFetchProgram();
  onTestFinished(() => program.remove());
  const hub = createFakeHub({ models: { [MODEL]: { "weights.bin": weights } } });
  const server = await serve({ answer: hub.answer });
  onTestFinished(() => server.close());
  const options = { model: MODEL, endpoint: server.url, cacheFolder: folder };

  const full = await program.start({ ...options, prefix: `ulimit -f ${BLOCKS}` }).ended;
  expect(full?.error).toBe(
    `${join(folder, "models--owner--model", "blobs", sha256)}: could not be written (EFBIG); no larger file may be written: ` +
      "free some space, or set HF_HUB_CACHE to a folder on another disk",
  );
  const [model] = await (await openCache(folder)).list();
  const kept = model?.partialByteLength ?? 0;
  expect([BLOCKS * 512, BLOCKS * 1024]).toContain(kept);

  const asked = hub.requests.length;
  const sent = server.sentBytes;
  const again = await program.start(options).ended;
  expect(again?.error).toBe("");
  expect(JSON.parse(again?.output ?? "{}")).toEqual({ "weights.bin": sha256 });
  const ranges = hub.requests.slice(asked).flatMap((request) => / (bytes=.*)$/.exec(request)?.[1] ?? []);
  expect(new Set(ranges)).toEqual(new Set([`bytes=${kept}-6000000`]));
  expect(server.sentBytes - sent).toBeLessThan(weights.byteLength - kept + 10_000);
  expect(await readdir(join(folder, "models--owner--model", "blobs"))).toEqual([sha256]);
});
