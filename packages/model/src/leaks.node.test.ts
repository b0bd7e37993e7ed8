/// <reference types="node" />
/**
 * What stays of models that are gone, in a process: 20 times one is loaded, generates 50 tokens, and is disposed. In a browser:
 * `leaks.browser.test.ts`. What a device itself counts: `lifetime.test.ts`.
 */
import { report } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createWebGpuDevice, type Device } from "@blackmamba/tensor";
import { describe, expect, inject, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import type { LoadOptions } from "./load-model.ts";
import type { ModelSource } from "./source/open-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const ROUNDS = 20;

/** Until V8 has noted how functions are used that are called now and then. */
const WARM_UP_ROUNDS = 10;

const storyteller = fileURLToPath(new URL("../../storyteller/model", import.meta.url));
const { parts } = await randomModel(SMALL_CONFIG, "bf16");

/** One for all models: a listener that stays on it keeps its model. */
const { signal } = new AbortController();

// Machine code of functions is on the heap, and more of it comes for dozens of rounds: 0.6 MB that no model holds.
for (const flag of ["--expose-gc", "--no-opt", "--no-sparkplug"]) setFlagsFromString(flag);
const runCollector = runInNewContext("gc") as () => void;

/** What one collection finalises, the next one frees. */
async function collectGarbage(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    runCollector();
    await sleep(20);
  }
}

/** Bytes of JavaScript's heap, and of what it keeps outside, once all garbage is gone. */
async function usedBytes(): Promise<number> {
  await collectGarbage();
  // ArrayBuffers are within `external`.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function threadCount(): number {
  return (report.getReport() as unknown as { readonly workers: readonly unknown[] }).workers.length;
}

/** Loads a model, has it generate, disposes it; what to look at afterwards. */
async function round(source: ModelSource, device: LoadOptions["device"]) {
  const model = await BlackMamba.load(source, { device, signal });
  let count = 0;
  for await (const _ of model.generate([1, 2, 3, 4, 5], { maxTokens: 50, signal })) count += 1;
  expect(count).toBe(50);
  const threads = threadCount();
  await model.dispose();
  expect(model.device.allocatedByteLength).toBe(0);
  expect(threadCount()).toBe(0);
  return { threads, left: [new WeakRef<object>(model), new WeakRef<object>(model.device)] };
}

describe.each(inject("devices"))("on %s", (kind) => {
  test(`a process is after ${ROUNDS} models as after the first`, { timeout: 300_000 }, async () => {
    // On the software adapter the smallest model there is, on one device: each device compiles all shaders anew.
    const shared: Device | undefined = kind === "webgpu" ? await createWebGpuDevice() : undefined;
    const once = () => (shared ? round(parts, shared) : round(storyteller, "cpu"));
    for (let warmUp = 0; warmUp < WARM_UP_ROUNDS; warmUp++) {
      const { threads } = await once();
      if (!shared) expect(threads).toBeGreaterThan(0);
    }
    const before = await usedBytes();
    const processBefore = process.memoryUsage.rss();
    for (let count = 0; count < ROUNDS; count++) await once();
    expect(await usedBytes()).toBeLessThan(before * 1.02);
    // The heap knows nothing of WebAssembly's memories, each of which would be more than 30 MB here.
    if (!shared) expect(process.memoryUsage.rss() - processBefore).toBeLessThan(64e6);
    await shared?.dispose();
  });

  test("a model that made its device is collected, and so is the device", async () => {
    const left: WeakRef<object>[] = [];
    for (let count = 0; count < 3; count++) left.push(...(await round(parts, kind)).left);
    await collectGarbage();
    expect(left.filter((each) => each.deref() !== undefined)).toEqual([]);
  });
});
