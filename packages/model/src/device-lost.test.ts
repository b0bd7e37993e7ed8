/**
 * A device that is lost under a model: what was under way goes on on the next one, and says the same. One device after another, as a
 * process may not bear two at a time.
 */
import type { DeviceLostError, WebGpuDevice } from "@blackmamba/tensor";
import { createCpuDevice, WebGpuDevice as Gpu } from "@blackmamba/tensor";
import { expectClose, testDevices } from "@blackmamba/testing";
import { afterEach, describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import type { LoadOptions } from "./load-model.ts";
import { goldenParts, text } from "./testing/golden.ts";

/** The golden model is so sure of itself that samples differ only at a high temperature. */
const HOT = 30;

async function collect<T>(items: AsyncIterable<T>, each: (item: T, index: number) => void = () => {}): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
    each(item, all.length - 1);
  }
  return all;
}

/** Takes a model's device away. */
function lose(model: BlackMamba): void {
  (model.device as WebGpuDevice).gpu.destroy();
}

describe.each(testDevices().filter(({ label }) => label === "webgpu"))("a model whose $label is lost", ({ label }) => {
  const models: BlackMamba[] = [];
  afterEach(async () => {
    for (const model of models.splice(0)) await model.dispose();
  });

  const load = async (options: LoadOptions = {}) => {
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device: "webgpu", ...options });
    models.push(model);
    return model;
  };

  test.each([
    ["the likeliest ids", {}],
    ["drawn ids", { temperature: HOT, seed: 5 }],
    ["ids that are not to be repeated", { temperature: 8, topK: 60, repetitionPenalty: 1.3, seed: 9 }],
  ])("goes on generating %s, however often", async (_, sampling) => {
    const told: DeviceLostError[] = [];
    const model = await load({ onDeviceLost: (error) => told.push(error) });
    const options = { ...sampling, maxTokens: 24 };
    const expected = await collect(model.generate(text(9), options));
    const first = model.device;
    const found = await collect(model.generate(text(9), options), (_, i) => {
      if (i === 4 || i === 5 || i === 17) lose(model);
    });
    expect(found).toEqual(expected);
    expect(found).toHaveLength(24);
    expect(told.map(({ code }) => code)).toEqual(Array(3).fill("ERR_DEVICE_LOST"));
    expect(model.device).not.toBe(first);
    expect(model.device.kind).toBe(label);
    expect(first.allocatedByteLength).toBe(0);
    // And nothing is left of it.
    expect(await collect(model.generate(text(9), options))).toEqual(expected);
    expect(told).toHaveLength(3);
  });
});
