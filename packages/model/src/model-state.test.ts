/**
 * States as values: copied, saved, loaded, continued. How they survive a lost device is in `device-lost.test.ts`.
 */
import { createCpuDevice, type Device, DisposedError } from "@blackmamba/tensor";
import { expectBytes, expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { PromptError, StateError, StateFileError } from "./errors.ts";
import type { GenerateOptions } from "./generate/generate.ts";
import { goldenParts, text } from "./testing/golden.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const HOT = 30;

async function idsOf(model: BlackMamba, prompt: number[], options: GenerateOptions): Promise<number[]> {
  const ids = [];
  for await (const { id } of model.generate(prompt, options)) ids.push(id);
  return ids;
}

const loadOn = async (device: Device) => BlackMamba.load(await goldenParts("blackmamba"), { device });

describe.each(testDevices())("a state on $label", ({ label, open }) => {
  const load = async () => loadOn(await open());

  test("its logits are those of the last token, as often as they are asked for", async () => {
    const model = await load();
    const state = model.createState();
    await expect(state.logits()).rejects.toThrow(StateError);
    const afterMany = await state.advance(text(30));
    expectClose(await state.logits(), afterMany, 1e-6);
    const afterOne = await state.advance([7]);
    // Another sequence in between has its turn in the same place.
    await model.logits(text(5));
    expectClose(await state.logits(), afterOne, 1e-6);
    expect(state.position).toBe(31);
    const [together] = await model.advanceAll([state], [9]);
    expectClose(await state.logits(), together ?? [], 1e-6);
    await model.dispose();
  });

  test("a clone goes on by itself", async () => {
    const model = await load();
    const state = model.createState();
    await state.advance(text(20));
    const clone = state.clone();
    // Before anything is waited for: the clone is of where it was then.
    const [own, cloned] = await Promise.all([state.advance([1]), clone.advance([2])]);
    expect(clone.position).toBe(21);
    // Its place is known at once, and it comes to be, though the state it is of is disposed.
    const short = model.createState();
    await short.advance([1, 2, 3]);
    const outliving = short.clone();
    expect(outliving.position).toBe(3);
    await short.dispose();
    await expect(short.advance([1])).rejects.toThrow(DisposedError);
    expectClose(await outliving.logits(), await model.createState().advance([1, 2, 3]), 1e-6);
    const expected = model.createState();
    await expected.advance(text(20));
    const again = expected.clone();
    expectClose(own, await expected.advance([1]), 1e-6);
    expectClose(cloned, await again.advance([2]), 1e-6);
    await state.dispose();
    expect(() => state.clone()).toThrow(DisposedError);
    expect(await clone.advance([3])).toHaveLength(512);
    const empty = model.createState().clone();
    expectClose(await empty.advance(text(20)), await model.createState().advance(text(20)), 1e-6);
    await model.dispose();
  });

  test("saved and loaded it goes on as if nothing had happened", async () => {
    const model = await load();
    const state = model.createState();
    await state.advance(text(40));
    const bytes = await state.save();
    expect(bytes.byteLength).toBe(64 + state.byteLength);
    const loaded = await model.loadState(bytes);
    expect(loaded.position).toBe(40);
    const exactly = label.startsWith("cpu");
    for (const ids of [[], [5], text(12), [6]]) {
      const [own, other] = [state, loaded].map((each) => (ids.length > 0 ? each.advance(ids) : each.logits()));
      if (exactly)
        expectBytes(
          new Uint8Array((await own)?.buffer as ArrayBuffer),
          new Uint8Array((await other)?.buffer as ArrayBuffer),
        );
      else expectClose((await own) ?? [], (await other) ?? [], 1e-6);
    }
    // Bytes of the same place are the same.
    if (exactly) expectBytes(await loaded.save(), await state.save());
    const options = { maxTokens: 10, temperature: HOT, seed: 4 };
    expect(await idsOf(model, [3], { ...options, state: loaded })).toEqual(
      await idsOf(model, [3], { ...options, state }),
    );
    await model.dispose();
  });

  test("it takes bytes from another kind of device", async () => {
    const [model, other] = [await load(), await loadOn(createCpuDevice())];
    expect(other.fingerprint).toBe(model.fingerprint);
    const state = other.createState();
    await state.advance(text(50));
    const loaded = await model.loadState(await state.save());
    expectClose(await loaded.advance([8, 9]), await state.advance([8, 9]), 2e-5);
    const back = await other.loadState(await loaded.save());
    expectClose(await back.advance(text(9)), await state.advance(text(9)), 2e-5);
    await model.dispose();
    await other.dispose();
    await other.device.dispose();
  });

  test("a text goes on from it, and takes it along", async () => {
    const model = await load();
    const options = { temperature: HOT, seed: 9 };
    const whole = await idsOf(model, text(12), { ...options, maxTokens: 20 });
    const state = model.createState();
    const first = await idsOf(model, text(12), { ...options, maxTokens: 8, state });
    expect(first).toEqual(whole.slice(0, 8));
    expect(state.position).toBe(20);
    expectClose(await state.logits(), await model.createState().advance([...text(12), ...first]), 2e-5);
    // Without another prompt, and with the likeliest ids.
    const greedy = await idsOf(model, [...text(12), ...first], { maxTokens: 6 });
    expect(await idsOf(model, [], { maxTokens: 6, state })).toEqual(greedy);
    expect(state.position).toBe(26);
    await expect(idsOf(model, [], { maxTokens: 1, state: model.createState() })).rejects.toThrow(PromptError);
    await model.dispose();
  });

  test("a reader that leaves early finds it after what was told", async () => {
    const model = await load();
    const state = model.createState();
    const told: number[] = [];
    for await (const { id } of model.generate(text(5), { maxTokens: 50, temperature: HOT, seed: 2, state })) {
      if (told.push(id) === 4) break;
    }
    expect(state.position).toBe(9);
    expectClose(await state.logits(), await model.createState().advance([...text(5), ...told]), 2e-5);
    // One whose prompt cannot be read leaves it where it was.
    const signal = AbortSignal.abort(new Error("no"));
    await expect(idsOf(model, text(3), { state, signal })).rejects.toThrow("no");
    await expect(idsOf(model, [512], { state })).rejects.toThrow(PromptError);
    expect(state.position).toBe(9);
    await model.dispose();
  });

  test("nobody else can use it while a text goes on from it", async () => {
    const model = await load();
    const state = model.createState();
    const tokens = model.generate(text(5), { maxTokens: 3, state });
    await tokens.next();
    let advanced = false;
    const advancing = state.advance([1]).then(() => {
      advanced = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(advanced).toBe(false);
    for await (const _ of tokens);
    await advancing;
    expect(state.position).toBe(9);
    await model.dispose();
  });

  test("a thousand forks of one state run independently", async () => {
    const { parts } = await randomModel(SMALL_CONFIG, "f32");
    const device = await open();
    const model = await BlackMamba.load(parts, { device });
    const state = model.createState();
    await state.advance([1, 2, 3]);
    await model.advanceAll(
      Array.from({ length: 64 }, () => model.createState()),
      Array(64).fill(1),
    );
    const forks = Array.from({ length: 1000 }, () => state.clone());
    const { vocab } = model.config;
    const ids = forks.map((_, index) => (index * 7) % vocab);
    const first = await model.advanceAll(forks, ids);
    const second = await model.advanceAll(
      forks,
      ids.map((id) => (id + 1) % vocab),
    );
    expect(state.position).toBe(3);
    for (const index of [0, 1, 499, 998, 999]) {
      const alone = state.clone();
      const id = Number(ids[index]);
      expectClose(first[index] ?? [], await alone.advance([id]), 2e-5, `fork ${index}`);
      expectClose(second[index] ?? [], await alone.advance([(id + 1) % vocab]), 2e-5, `fork ${index}`);
    }
    const before = device.allocatedByteLength;
    await Promise.all(forks.map((fork) => fork.dispose()));
    expect(before - device.allocatedByteLength).toBeGreaterThanOrEqual(1000 * (state.byteLength - 4 * vocab));
    await model.dispose();
  });
});

describe("bytes of a state", () => {
  const saved = async () => {
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device: "cpu" });
    const state = model.createState();
    await state.advance(text(9));
    return { model, bytes: await state.save() };
  };

  test("a flipped byte is refused, wherever it is", async () => {
    const { model, bytes } = await saved();
    for (const at of [0, 5, 8, 11, 12, 15, 16, 30, 32, 39, 40, 43, 44, 63, 64, 1000, bytes.length - 1]) {
      const damaged = bytes.slice();
      damaged[at] = Number(damaged[at]) ^ 1;
      await expect(model.loadState(damaged), `byte ${at}`).rejects.toThrow(StateFileError);
    }
    await model.dispose();
  });

  test("what is no state, or half of one, is refused by what it is", async () => {
    const { model, bytes } = await saved();
    const refuse = (what: unknown, message: string) =>
      expect(model.loadState(what as Uint8Array)).rejects.toThrow(message);
    await refuse(new Uint8Array(0), 'a saved state: expected "bm-state" and a header of 64 bytes, found ""');
    await refuse(bytes.subarray(0, 20), "found 20 bytes");
    await refuse(bytes.subarray(0, bytes.length - 4), `expected ${bytes.length} bytes, as it says itself`);
    await refuse(new TextEncoder().encode("PK-and-something-else".repeat(9)), 'found "PK-and-s"');
    await refuse("text", "expected the bytes that state.save() has made, found string");
    const later = bytes.slice();
    later[8] = 2;
    await refuse(later, "the saved state's version: expected 1, which this library knows, found 2");
    // Within a larger buffer, at an odd place.
    const within = new Uint8Array(bytes.length + 3);
    within.set(bytes, 3);
    expect((await model.loadState(within.subarray(3))).position).toBe(9);
    await model.dispose();
  });

  test("those of another model are refused, of the same model in another precision too", async () => {
    const { model, bytes } = await saved();
    const parts = await goldenParts("blackmamba");
    const quantized = await BlackMamba.load(parts, { device: "cpu", quantize: "q8_0" });
    const other = await BlackMamba.load(await goldenParts("softmax-top1"), { device: "cpu" });
    for (const one of [quantized, other]) {
      const message = `expected one of this model, ${one.fingerprint}, found one of the model ${model.fingerprint}`;
      await expect(one.loadState(bytes)).rejects.toThrow(message);
    }
    const same = await BlackMamba.load(parts, { device: "cpu" });
    expect((await same.loadState(bytes)).position).toBe(9);
    for (const each of [model, quantized, other, same]) await each.dispose();
  });

  test("an empty state can be saved too", async () => {
    const { model } = await saved();
    const loaded = await model.loadState(await model.createState().save());
    expect(loaded.position).toBe(0);
    expect(await loaded.advance([1])).toEqual(await model.createState().advance([1]));
    await model.dispose();
  });
});
