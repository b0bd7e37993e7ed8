/**
 * Texts that come and go while others decode: what each says does not depend on it. Batches of a fixed number of prompts are in
 * `batch.test.ts`.
 */
import { type Device, DisposedError } from "@blackmamba/tensor";
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { OptionError } from "./errors.ts";
import type { Batcher } from "./generate/batcher.ts";
import type { GenerateOptions } from "./generate/generate.ts";
import { goldenParts, text } from "./testing/golden.ts";

/** The golden model is so sure of itself that samples differ only at a high temperature. */
const HOT = 30;

async function idsOf(model: BlackMamba | Batcher, prompt: number[], options: GenerateOptions): Promise<number[]> {
  const ids = [];
  for await (const { id } of model.generate(prompt, options)) ids.push(id);
  return ids;
}

/** As `expect.poll`, for as long as an emulated GPU may take. */
const poll = <T>(get: () => T) => expect.poll(get, { timeout: 60_000 });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(testDevices())("a batcher on $label", ({ open }) => {
  const load = async (device?: Device) =>
    BlackMamba.load(await goldenParts("blackmamba"), { device: device ?? (await open()) });

  test("texts with options of their own, that come at different times, say what each says alone", async () => {
    const model = await load();
    const cache = model.createPrefixCache();
    const texts: [number[], GenerateOptions][] = [
      [text(9), { maxTokens: 20 }],
      [text(30), { maxTokens: 12, temperature: HOT, seed: 1 }],
      [[3], { maxTokens: 30, temperature: 8, topK: 60, topP: 0.9, seed: 2 }],
      [text(70), { maxTokens: 5, temperature: HOT, typicalP: 0.9, seed: 3 }],
      [text(12), { maxTokens: 15, temperature: HOT, repetitionPenalty: 1.4, frequencyPenalty: 0.5, seed: 4 }],
      [text(12), { maxTokens: 1, seed: 5 }],
      [text(6), { maxTokens: 0 }],
      [text(300), { maxTokens: 9, presencePenalty: 1.5, logitBias: { 7: 3 } }],
      [text(300), { maxTokens: 9, temperature: HOT, seed: 8, cache }],
      [[...text(300), 8], { maxTokens: 9, temperature: HOT, seed: 8, cache }],
      [text(8), { maxTokens: 6, logprobs: 2 }],
      [text(8), { maxTokens: 10, logitProcessors: [(logits) => void logits.fill(-50, 0, 400)] }],
    ];
    const expected = [];
    for (const [prompt, { cache: _, ...options }] of texts) expected.push(await idsOf(model, prompt, options));
    for (const batchSize of [1, 4, 32]) {
      const batcher = model.createBatcher({ batchSize });
      const running = texts.map(async ([prompt, options], index) => {
        await pause((index * 7) % 20);
        return idsOf(batcher, prompt, options);
      });
      expect(await Promise.all(running), `batchSize ${batchSize}`).toEqual(expected);
      expect([batcher.active, batcher.waiting]).toEqual([0, 0]);
      await batcher.dispose();
    }
    await model.dispose();
  });

  test("those that wait begin in order, and one that leaves makes room", async () => {
    const model = await load();
    const batcher = model.createBatcher({ batchSize: 2 });
    const begun: number[] = [];
    const controller = new AbortController();
    const read = async (index: number, options: GenerateOptions) => {
      let count = 0;
      for await (const _ of batcher.generate(text(5 + index), options)) if (count++ === 0) begun.push(index);
      return count;
    };
    const first = read(0, { maxTokens: 1_000_000, signal: controller.signal });
    const others = [1, 2, 3].map((index) => read(index, { maxTokens: 8 }));
    await poll(() => begun.length).toBe(4);
    expect(begun).toEqual([0, 1, 2, 3]);
    expect(await Promise.all(others)).toEqual([8, 8, 8]);
    const waiting = [4, 5].map((index) => read(index, { maxTokens: 4 }));
    controller.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    expect(await Promise.all(waiting)).toEqual([4, 4]);
    await poll(() => batcher.active + batcher.waiting).toBe(0);
    await batcher.dispose();
    await model.dispose();
  });

  test("a reader that leaves, and one that has aborted before, take nothing", async () => {
    const device = await open();
    const model = await load(device);
    const batcher = model.createBatcher();
    await idsOf(batcher, text(5), { maxTokens: 3 });
    await poll(() => batcher.active).toBe(0);
    const before = device.allocatedByteLength;
    for await (const _ of batcher.generate(text(5), { maxTokens: 1_000_000 })) break;
    const signal = AbortSignal.abort(new Error("never"));
    await expect(idsOf(batcher, text(5), { signal })).rejects.toThrow("never");
    await poll(() => [batcher.active, batcher.waiting]).toEqual([0, 0]);
    expect(await idsOf(batcher, text(5), { maxTokens: 3 })).toHaveLength(3);
    await poll(() => device.allocatedByteLength).toBe(before);
    await batcher.dispose();
    await model.dispose();
  });

  test("what goes wrong with one text is no matter of the others", async () => {
    const model = await load();
    const batcher = model.createBatcher();
    const fail = (after: number) => {
      let calls = 0;
      return () => {
        if (calls++ === after) throw new Error(`processor ${after}`);
      };
    };
    const good = idsOf(batcher, text(9), { maxTokens: 25 });
    await Promise.all(
      [0, 3].map((after) =>
        expect(idsOf(batcher, text(5), { maxTokens: 9, logitProcessors: [fail(after)] })).rejects.toThrow(
          `processor ${after}`,
        ),
      ),
    );
    await expect(idsOf(batcher, [512], {})).rejects.toThrow("out of range");
    await expect(idsOf(batcher, [1], { topP: 2 })).rejects.toThrow(OptionError);
    expect(await good).toEqual(await idsOf(model, text(9), { maxTokens: 25 }));
    await batcher.dispose();
    await model.dispose();
  });

  test("states go along with their texts", async () => {
    const model = await load();
    const batcher = model.createBatcher();
    const state = model.createState();
    const first = await idsOf(batcher, text(9), { maxTokens: 6, temperature: HOT, seed: 3, state });
    await state.logits();
    expect(state.position).toBe(15);
    const second = await idsOf(batcher, [], { maxTokens: 6, state });
    expect(second).toEqual(await idsOf(model, [...text(9), ...first], { maxTokens: 6 }));
    await batcher.dispose();
    await model.dispose();
  });

  test("disposing tells all readers, and frees everything", async () => {
    const device = await open();
    const model = await load(device);
    await idsOf(model, text(40), { maxTokens: 2 });
    const before = device.allocatedByteLength;
    const batcher = model.createBatcher({ batchSize: 2 });
    const reading = [1, 2, 3].map((length) => idsOf(batcher, text(length), { maxTokens: 1_000_000 }));
    await pause(30);
    const disposing = batcher.dispose();
    for (const each of reading) await expect(each).rejects.toThrow(DisposedError);
    await disposing;
    expect(device.allocatedByteLength).toBe(before);
    await expect(idsOf(batcher, [1], {})).rejects.toThrow("batcher was disposed");
    expect(() => model.createBatcher({ batchSize: 0 })).toThrow(OptionError);
    await model.dispose();
  });
});
