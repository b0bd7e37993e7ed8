/**
 * What stays of models that are gone, in a page: 20 times one is loaded, generates 50 tokens, and is disposed. In a process:
 * `leaks.node.test.ts`. What a device itself counts, workers and addresses of Blobs: `lifetime.test.ts`.
 */
import { createWebGpuDevice, type Device } from "@blackmamba/tensor";
import { describe, expect, inject, test } from "vitest";
import { cdp } from "vitest/browser";
import { BlackMamba } from "./blackmamba.ts";
import type { LoadOptions } from "./load-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const ROUNDS = 20;

/** Until V8 has compiled what is used so often. */
const WARM_UP_ROUNDS = 10;

const { parts } = await randomModel(SMALL_CONFIG, "bf16");

/** One for all models: a listener that stays on it keeps its model. */
const { signal } = new AbortController();

/** What the tests use of Chromium's protocol for developers. */
interface Inspector {
  send(method: "HeapProfiler.collectGarbage"): Promise<void>;
  send(method: "Runtime.getHeapUsage"): Promise<{ readonly usedSize: number; readonly backingStorageSize: number }>;
}

const inspector = () => cdp() as unknown as Inspector;

/** What one collection finalises, the next one frees. */
async function collectGarbage(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await inspector().send("HeapProfiler.collectGarbage");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Bytes of the page's heap and of its ArrayBuffers once all garbage is gone. */
async function usedBytes(): Promise<number> {
  await collectGarbage();
  const { usedSize, backingStorageSize } = await inspector().send("Runtime.getHeapUsage");
  return usedSize + backingStorageSize;
}

/** Loads a model, has it generate, disposes it; what to look at afterwards. */
async function round(device: LoadOptions["device"]): Promise<WeakRef<object>[]> {
  const model = await BlackMamba.load(parts, { device, signal });
  let count = 0;
  for await (const _ of model.generate([1, 2, 3, 4, 5], { maxTokens: 50, signal })) count += 1;
  expect(count).toBe(50);
  await model.dispose();
  expect(model.device.allocatedByteLength).toBe(0);
  return [new WeakRef<object>(model), new WeakRef<object>(model.device)];
}

describe.each(inject("devices"))("on %s", (kind) => {
  test(`a page is after ${ROUNDS} models as after the first`, { timeout: 300_000 }, async () => {
    // One device of the software adapter: each compiles all shaders anew.
    const shared: Device | undefined = kind === "webgpu" ? await createWebGpuDevice() : undefined;
    for (let warmUp = 0; warmUp < WARM_UP_ROUNDS; warmUp++) await round(shared ?? kind);
    const before = await usedBytes();
    for (let count = 0; count < ROUNDS; count++) await round(shared ?? kind);
    expect(await usedBytes()).toBeLessThan(before * 1.02);
    await shared?.dispose();
  });

  test("a model that made its device is collected, and so is the device", async () => {
    const left: WeakRef<object>[] = [];
    for (let count = 0; count < 3; count++) left.push(...(await round(kind)));
    await collectGarbage();
    expect(left.filter((each) => each.deref() !== undefined)).toEqual([]);
  });
});
