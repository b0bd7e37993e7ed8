/**
 * A device that is lost under a model: what was under way goes on on the next one, and says the same. One device after another, as a
 * process may not bear two at a time.
 */
import { createWebGpuDevice, DeviceLostError, DisposedError, WebGpuDevice } from "@blackmamba/tensor";
import { expectClose, randomNumbers, testDevices } from "@blackmamba/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { StateError } from "./errors.ts";
import type { LoadOptions } from "./load-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const IDS = Array.from({ length: 40 }, (_, i) => (i * 31 + 5) % SMALL_CONFIG.vocab_size);

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

/** The reason for which a promise rejects. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return error;
}

describe.each(testDevices().filter(({ label }) => label === "webgpu"))("a model whose $label is lost", ({ label }) => {
  const models: BlackMamba[] = [];
  afterEach(async () => {
    for (const model of models.splice(0)) await model.dispose();
  });

  const load = async (options: LoadOptions = {}) => {
    const { parts } = await randomModel(SMALL_CONFIG, "bf16");
    const model = await BlackMamba.load(parts, { device: label as "webgpu", ...options });
    models.push(model);
    return model;
  };

  /** Has the device of the next model that is loaded be lost while it is loaded; told by {@link failure}. */
  const loseWhileLoading = () => {
    const { write } = WebGpuDevice.prototype;
    return vi.spyOn(WebGpuDevice.prototype, "write").mockImplementationOnce(function (this: WebGpuDevice, ...args) {
      this.gpu.destroy();
      return write.apply(this, args);
    });
  };

  test.each([
    ["the likeliest ids", {}],
    ["drawn ids", { temperature: 1.5, topK: 40, topP: 0.9, repetitionPenalty: 1.3, seed: 9 }],
  ])("goes on generating %s, twice", async (_, sampling) => {
    const told: string[] = [];
    const model = await load({ onDeviceLost: ({ code }) => told.push(code) });
    const first = model.device;
    const options = { ...sampling, maxTokens: 24 };
    const expected = await collect(model.generate(IDS, options));
    // A new device begins with few ids at a time, so that the sixth is not among those of the last run.
    const found = await collect(model.generate(IDS, options), (_, i) => (i === 0 || i === 5) && lose(model));
    expect(found).toEqual(expected);
    expect(found).toHaveLength(24);
    expect(told).toEqual(["ERR_DEVICE_LOST", "ERR_DEVICE_LOST"]);
    expect(model.device).not.toBe(first);
    expect(model.device.kind).toBe(label);
    expect(model.deviceReason).toContain("as asked for");
    expect(first.allocatedByteLength).toBe(0);
  });

  test("goes on with a batch, whose texts end and begin at different times", async () => {
    let losses = 0;
    const model = await load({ onDeviceLost: () => losses++ });
    const prompts = [IDS, IDS.slice(3, 5), [7], IDS.slice(20), [1, 2, 3]];
    const options = { maxTokens: 12, temperature: 1.5, repetitionPenalty: 1.2, seed: 5, batchSize: 2 };
    const byText = (tokens: readonly { readonly index: number; readonly id: number }[]) =>
      prompts.map((_, index) => tokens.flatMap((token) => (token.index === index ? [token.id] : [])));
    const expected = byText(await collect(model.generateBatch(prompts, options)));
    expect(expected.map(({ length }) => length)).toEqual(prompts.map(() => 12));
    const tokens = model.generateBatch(prompts, options);
    expect(byText(await collect(tokens, (_, i) => (i === 1 || i === 30) && lose(model)))).toEqual(expected);
    expect(losses).toBe(2);
  });

  test("goes on with states, alone and together", async () => {
    const model = await load();
    const [alone, together, fresh] = [model.createState(), model.createState(), model.createState()];
    const expected = await model.logits(IDS);
    const row = (t: number) => expected.subarray(t * SMALL_CONFIG.vocab_size, (t + 1) * SMALL_CONFIG.vocab_size);
    await alone.advance(IDS.slice(0, 9));
    await together.advance(IDS.slice(0, 20));
    lose(model);
    expectClose(await alone.advance(IDS.slice(9, 12)), row(11), 2e-5);
    expect(alone.position).toBe(12);
    lose(model);
    // Two calls on one state keep their order, whoever notices the loss first.
    const [first, second, all] = await Promise.all([
      alone.advance(IDS.slice(12, 30)),
      alone.advance(IDS.slice(30, 32)),
      model.advanceAll([together, fresh], [IDS[20] as number, IDS[0] as number]),
    ]);
    expectClose(first, row(29), 2e-5);
    expectClose(second, row(31), 2e-5);
    expectClose(all[0] ?? [], row(20), 2e-5);
    expectClose(all[1] ?? [], row(0), 2e-5);
    expect([alone, together, fresh].map(({ position }) => position)).toEqual([32, 21, 1]);
  });

  test("begins logits, traces and profiles again", async () => {
    const progress: number[] = [];
    let losses = 0;
    const model = await load({
      onProgress: ({ loadedBytes, totalBytes }) => progress.push(loadedBytes / totalBytes),
      onDeviceLost: () => losses++,
    });
    const expected = await model.logits(IDS);
    const loaded = [...progress];
    lose(model);
    const [logits, trace, { dispatches }] = await Promise.all([model.logits(IDS), model.trace(IDS), model.profile()]);
    expectClose(logits, expected, 2e-5);
    expectClose(trace.logits, expected, 2e-5);
    expect(dispatches).toBeGreaterThan(0);
    // One for all three.
    expect(losses).toBe(1);
    expect(progress).toEqual([...loaded, ...loaded]);
  });

  test("says of a state that was left in the middle of a token, or measured, that it cannot be computed again", async () => {
    const model = await load();
    const [broken, measured] = [model.createState(), model.createState()];
    for (const state of [broken, measured]) await state.advance(IDS.slice(0, 3));
    await model.profile({ state: measured });
    // A failure of another kind, within the step.
    vi.spyOn(model.device, "run").mockImplementationOnce(() => Promise.reject(new Error("out of order")));
    await expect(broken.advance([1])).rejects.toThrow("out of order");
    await expect(broken.advance([1])).rejects.toThrow("left in the middle of a token by an abort or a failure");
    lose(model);
    await model.device.lost;
    const error = await failure(broken.advance([1]));
    expect(error).toBeInstanceOf(StateError);
    expect(error.message).toBe(
      "this state was on a device that was lost, and cannot be computed again, as an abort or a failure had left it in the middle " +
        "of a token; start a new one",
    );
    await expect(measured.advance([1])).rejects.toThrow("as it was used for measuring; start a new one");
    expect(await model.createState().advance([1])).toHaveLength(SMALL_CONFIG.vocab_size);
  });

  test("says so where the device is lost while it is loaded, and frees all; and tries again when it is used next", async () => {
    const write = loseWhileLoading();
    const first = await failure(load());
    expect(first).toBeInstanceOf(DeviceLostError);
    expect((write.mock.contexts[0] as WebGpuDevice).allocatedByteLength).toBe(0);
    expect(models).toHaveLength(0);
    write.mockRestore();

    const model = await load();
    const state = model.createState();
    const expected = await state.advance(IDS);
    lose(model);
    const again = loseWhileLoading();
    const error = await failure(state.advance([1]));
    expect(error).toMatchObject({ code: "ERR_DEVICE_LOST" });
    expect(error.message).toMatch(
      /^the model's device was lost, and making the model again failed: the WebGPU device /,
    );
    again.mockRestore();
    expect(state.position).toBe(IDS.length);
    await state.advance([1]);
    expectClose(await model.createState().advance(IDS), expected, 2e-5);
  });

  test("made of weights of the caller's own is made again by them", async () => {
    let asked = 0;
    const model = await BlackMamba.create({
      config: SMALL_CONFIG,
      device: label as "webgpu",
      makeWeight({ shape }) {
        asked += 1;
        const values = randomNumbers(
          asked % 100,
          shape.reduce((a, b) => a * b, 1),
        ).map((value) => value / 8);
        return { dtype: "f32", fill: (tensor, device) => device.write(tensor, values) };
      },
    });
    models.push(model);
    const count = asked;
    asked = 0;
    const expected = await model.logits(IDS);
    lose(model);
    expectClose(await model.logits(IDS), expected, 2e-5);
    expect(asked).toBe(count);
  });

  test("is not loaded again on a device that was given, and says what to do", async () => {
    const device = await createWebGpuDevice();
    const model = await load({ device });
    const state = model.createState();
    await state.advance(IDS);
    device.gpu.destroy();
    const found = [
      await failure(state.advance([1])),
      await failure(model.logits(IDS)),
      await failure(collect(model.generate(IDS))),
    ];
    for (const error of found) {
      expect(error).toBeInstanceOf(DeviceLostError);
      expect(error.message).toMatch(
        /the model was given this device and cannot open it again: make a new one, and load /,
      );
    }
    await device.dispose();
  });

  test("does not disturb other models", async () => {
    let losses = 0;
    const model = await load({ onDeviceLost: () => losses++ });
    // A process of Node may not bear two WebGPU devices at a time.
    const other = await load({ device: typeof window === "undefined" ? "cpu" : "webgpu" });
    const otherDevice = other.device;
    const options = { maxTokens: 12, temperature: 1.5, seed: 3 };
    const expected = await collect(model.generate(IDS, options));
    const expectedOther = await collect(other.generate(IDS, options));
    const [found, foundOther] = await Promise.all([
      collect(model.generate(IDS, options), (_, i) => i === 0 && lose(model)),
      collect(other.generate(IDS, options)),
    ]);
    expect(found).toEqual(expected);
    expect(foundOther).toEqual(expectedOther);
    expect(other.device).toBe(otherDevice);
    expect(losses).toBe(1);
  });

  test("may be disposed while it is loaded again", async () => {
    const model = await load();
    const state = model.createState();
    await state.advance(IDS);
    lose(model);
    const waiting = failure(state.advance([1]));
    const aborted = failure(model.logits(IDS, { signal: AbortSignal.timeout(0) }));
    expect(await aborted).toMatchObject({ name: "TimeoutError" });
    await model.dispose();
    expect(await waiting).toBeInstanceOf(DisposedError);
    expect(model.device.allocatedByteLength).toBe(0);
  });
});
