/**
 * What stays of models that are gone, in a process: 20 times one is loaded, generates 50 tokens, and is disposed. In a browser:
 * `leaks.browser.test.ts`. What a device itself counts: `lifetime.test.ts`.
 */
import { report } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, inject, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import type { ModelSource } from "./source/open-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const ROUNDS = 20;

const storyteller = fileURLToPath(new URL("../../storyteller/model", import.meta.url));

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of JavaScript's heap, and of what it keeps outside, once all garbage is gone: what one collection finalises, the next frees. */
async function usedBytes(): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    collectGarbage();
    await sleep(20);
  }
  // ArrayBuffers are within `external`.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function threadCount(): number {
  return (report.getReport() as unknown as { readonly workers: readonly unknown[] }).workers.length;
}

describe.each(inject("devices"))("on %s", (kind) => {
  test(`a process is after ${ROUNDS} models as after the first`, { timeout: 300_000 }, async () => {
    // On the software adapter, the smallest model there is: each one compiles its shaders anew.
    const source: ModelSource = kind === "cpu" ? storyteller : (await randomModel(SMALL_CONFIG, "bf16")).parts;
    // One for all: a listener that stays on it keeps its model.
    const { signal } = new AbortController();
    const round = async () => {
      const model = await BlackMamba.load(source, { device: kind, signal });
      let count = 0;
      for await (const _ of model.generate([1, 2, 3, 4, 5], { maxTokens: 50, signal })) count += 1;
      expect(count).toBe(50);
      const threads = threadCount();
      await model.dispose();
      expect(model.device.allocatedByteLength).toBe(0);
      expect(threadCount()).toBe(0);
      return threads;
    };
    // Code is compiled, and tables are made, once.
    for (let warmUp = 0; warmUp < 3; warmUp++) {
      const threads = await round();
      if (kind === "cpu") expect(threads).toBeGreaterThan(0);
    }
    const before = await usedBytes();
    const processBefore = process.memoryUsage.rss();
    for (let count = 0; count < ROUNDS; count++) await round();
    expect(await usedBytes()).toBeLessThan(before * 1.02);
    // The heap knows nothing of WebAssembly's memories, each of which would be more than 30 MB here.
    if (kind === "cpu") expect(process.memoryUsage.rss() - processBefore).toBeLessThan(64e6);
  });
});
