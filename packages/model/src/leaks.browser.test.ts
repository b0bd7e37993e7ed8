/**
 * What stays of models that are gone, in a page: 20 times one is loaded, generates 50 tokens, and is disposed. In a process:
 * `leaks.node.test.ts`. What a device itself counts, workers and addresses of Blobs: `lifetime.test.ts`.
 */
import { describe, expect, inject, test } from "vitest";
import { cdp } from "vitest/browser";
import { BlackMamba } from "./blackmamba.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const ROUNDS = 20;

/** What the tests use of Chromium's protocol for developers. */
interface Inspector {
  send(method: "HeapProfiler.collectGarbage"): Promise<void>;
  send(method: "Runtime.getHeapUsage"): Promise<{ readonly usedSize: number; readonly backingStorageSize: number }>;
}

/** Bytes of the page's heap and of its ArrayBuffers once all garbage is gone: what one collection finalises, the next frees. */
async function usedBytes(): Promise<number> {
  const inspector = cdp() as unknown as Inspector;
  for (let turn = 0; turn < 5; turn++) {
    await inspector.send("HeapProfiler.collectGarbage");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { usedSize, backingStorageSize } = await inspector.send("Runtime.getHeapUsage");
  return usedSize + backingStorageSize;
}

describe.each(inject("devices"))("on %s", (device) => {
  test(`a page is after ${ROUNDS} models as after the first`, { timeout: 300_000 }, async () => {
    const { parts } = await randomModel(SMALL_CONFIG, "bf16");
    // One for all: a listener that stays on it keeps its model.
    const { signal } = new AbortController();
    const round = async () => {
      const model = await BlackMamba.load(parts, { device, signal });
      let count = 0;
      for await (const _ of model.generate([1, 2, 3, 4, 5], { maxTokens: 50, signal })) count += 1;
      expect(count).toBe(50);
      await model.dispose();
      expect(model.device.allocatedByteLength).toBe(0);
    };
    // Code is compiled, and tables are made, once.
    for (let warmUp = 0; warmUp < 3; warmUp++) await round();
    const before = await usedBytes();
    for (let count = 0; count < ROUNDS; count++) await round();
    expect(await usedBytes()).toBeLessThan(before * 1.02);
  });
});
