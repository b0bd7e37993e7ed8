/** When programs are made, and what stays of a model that is gone. What of the heap stays is in `leaks.*.test.ts`. */
import { createCpuDevice, findAdapter } from "@blackmamba/tensor";
import { testDevices } from "@blackmamba/testing";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { text } from "./testing/golden.ts";
import { countResources } from "./testing/live-resources.ts";
import { type RandomModel, randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const ids = text(5).map((id) => id % SMALL_CONFIG.vocab_size);

let small: RandomModel;
let resources: ReturnType<typeof countResources>;

beforeAll(async () => {
  small = await randomModel(SMALL_CONFIG, "bf16");
  // In Node, WebGPU's classes are there once somebody has asked for them.
  if (inject("devices").includes("webgpu")) await findAdapter();
  resources = countResources();
});

afterAll(() => resources.stop());

async function generate(model: BlackMamba, maxTokens: number): Promise<number[]> {
  const found: number[] = [];
  for await (const { id } of model.generate(ids, { maxTokens })) found.push(id);
  return found;
}

describe.each(testDevices())("on $label", ({ label, open }) => {
  test("the programs that a text takes first are made while weights come", async () => {
    const device = await open();
    const prepare = vi.spyOn(device, "prepare");
    const seen: number[] = [];
    const onProgress = () => void seen.push(prepare.mock.calls.length);
    const model = await BlackMamba.load(small.parts, { device, onProgress });
    expect(seen[0]).toBeGreaterThan(0);
    await generate(model, 2);
    const made = prepare.mock.calls.length;
    await generate(model, 2);
    expect(prepare.mock.calls.length).toBe(made);
    await model.dispose();
    prepare.mockRestore();
  });

  test("nothing stays allocated of a load that is aborted while they are made", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    await expect(BlackMamba.load(small.parts, { device, onProgress, signal: stop.signal })).rejects.toThrow("enough");
    expect(device.allocatedByteLength).toBe(before);
  });

  test("a model gives back what it took of a device that is not its own, 20 times", async () => {
    const device = await open();
    const expected = await rounds(1, () => BlackMamba.load(small.parts, { device }));
    const before = { ...resources.live(), bytes: device.allocatedByteLength };
    expect(await rounds(20, () => BlackMamba.load(small.parts, { device }))).toEqual(expected);
    expect({ ...resources.live(), bytes: device.allocatedByteLength }).toEqual(before);
  });

  test("a model that made its device leaves no device, no worker and no address of a Blob", async () => {
    const before = resources.live();
    const seen: ReturnType<typeof resources.live>[] = [];
    await rounds(3, async () => {
      const model = await BlackMamba.load(small.parts, { device: label as "cpu" | "webgpu" });
      seen.push(resources.live());
      return model;
    });
    expect(resources.live()).toEqual(before);
    // Or nothing was counted.
    if (label === "webgpu") for (const { gpuDevices } of seen) expect(gpuDevices).toBeGreaterThan(before.gpuDevices);
  });
});

test("workers and addresses of Blobs end with the CPU device", async () => {
  const before = resources.live();
  const device = createCpuDevice({ threads: 3 });
  // Wide enough for its products to be shared.
  const wide = await randomModel({ ...SMALL_CONFIG, hidden_size: 128, vocab_size: 4096 }, "bf16");
  const model = await BlackMamba.load(wide.parts, { device });
  await generate(model, 5);
  const { workers, objectUrls } = resources.live();
  // Node's threads are no Workers of the web: `leaks.node.test.ts` counts them.
  if ("Worker" in globalThis) {
    expect(workers - before.workers).toBe(2);
    expect(objectUrls - before.objectUrls).toBe(2);
  }
  await model.dispose();
  await device.dispose();
  expect(resources.live()).toEqual(before);
});

/** Loads, generates 50 ids, and disposes, so many times; the ids of the last. */
async function rounds(count: number, load: () => Promise<BlackMamba>): Promise<number[]> {
  let found: number[] = [];
  for (let round = 0; round < count; round++) {
    const model = await load();
    found = await generate(model, 50);
    expect(found.length).toBe(50);
    await model.dispose();
  }
  return found;
}
