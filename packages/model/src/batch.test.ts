/**
 * Sequences that decode together: what each says does not depend on the others.
 */
import { type Device, DisposedError } from "@blackmamba/tensor";
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { OptionError, PromptError, StateError } from "./errors.ts";
import type { GenerateBatchOptions } from "./generate/generate-batch.ts";
import { goldenParts, text } from "./testing/golden.ts";

/** The golden model is so sure of itself that samples differ only at a high temperature. */
const HOT = 30;

const PROMPTS = [text(9), text(30).reverse(), [3], text(70), text(12).map((id) => 511 - id), [7, 7, 7], text(2)];

describe.each(testDevices())("a batch on $label", ({ open }) => {
  const load = async (device?: Device) =>
    BlackMamba.load(await goldenParts("blackmamba"), { device: device ?? (await open()) });

  /** The ids of each prompt, alone. */
  const alone = async (model: BlackMamba, prompts: number[][], { seed, ...options }: GenerateBatchOptions) => {
    const all: number[][] = [];
    for (const [index, prompt] of prompts.entries()) {
      const own = seed === undefined ? options : { ...options, seed: seed + index };
      all.push([]);
      for await (const { id } of model.generate(prompt, own)) all[index]?.push(id);
    }
    return all;
  };

  const together = async (model: BlackMamba, prompts: number[][], options: GenerateBatchOptions) => {
    const all: number[][] = prompts.map(() => []);
    for await (const { index, id } of model.generateBatch(prompts, options)) all[index]?.push(id);
    return all;
  };

  test("logits are those of each state alone, within 2e-5", async () => {
    const model = await load();
    const [one, many] = [PROMPTS.map(() => model.createState()), PROMPTS.map(() => model.createState())];
    for (const [i, prompt] of PROMPTS.entries()) {
      await one[i]?.advance(prompt);
      await many[i]?.advance(prompt);
    }
    for (let step = 0; step < 6; step++) {
      const ids = PROMPTS.map((_, i) => (i * 71 + step * 13) % 512);
      // Fewer and fewer, and in another order: slots are filled anew each time.
      const members = PROMPTS.map((_, i) => i).filter((i) => i + step < 8 || i === 0);
      if (step % 2 === 1) members.reverse();
      const found = await model.advanceAll(
        members.map((i) => many[i] as (typeof many)[number]),
        members.map((i) => Number(ids[i])),
      );
      for (const [at, i] of members.entries()) {
        expectClose(found[at] ?? [], (await one[i]?.advance([Number(ids[i])])) ?? [], 2e-5, `state ${i}, step ${step}`);
        expect(many[i]?.position).toBe(one[i]?.position);
      }
      // One of them goes on alone in between.
      expectClose((await many[0]?.advance([5])) ?? [], (await one[0]?.advance([5])) ?? [], 2e-5);
    }
    for (const state of [...one, ...many]) await state.dispose();
    await model.dispose();
  });

  test("texts are those of each prompt alone, however many run at once", async () => {
    const model = await load();
    const options = { maxTokens: 15, temperature: HOT, seed: 5 };
    const expected = await alone(model, PROMPTS, options);
    expect(expected.map((ids) => ids.length)).toEqual(PROMPTS.map(() => 15));
    for (const batchSize of [1, 3, 7, 32]) {
      expect(await together(model, PROMPTS, { ...options, batchSize }), `batchSize ${batchSize}`).toEqual(expected);
    }
    expect(await together(model, PROMPTS, { maxTokens: 5 })).toEqual(await alone(model, PROMPTS, { maxTokens: 5 }));
    expect(await together(model, PROMPTS, { maxTokens: 1 })).toEqual(await alone(model, PROMPTS, { maxTokens: 1 }));
    expect(await together(model, PROMPTS, { maxTokens: 0 })).toEqual(PROMPTS.map(() => []));
    expect(await together(model, [], {})).toEqual([]);
    await model.dispose();
  });

  test("every option does what it does alone", async () => {
    const model = await load();
    const options = { maxTokens: 10, temperature: 8, topK: 60, topP: 0.9, minP: 0.01, repetitionPenalty: 1.3, seed: 9 };
    expect(await together(model, PROMPTS, options)).toEqual(await alone(model, PROMPTS, options));
    await model.dispose();
  });

  test("batches and single texts may run at once", async () => {
    const model = await load();
    const options = { maxTokens: 8, temperature: HOT, seed: 3 };
    const expected = await alone(model, PROMPTS, options);
    const [first, second, single] = await Promise.all([
      together(model, PROMPTS, options),
      together(model, PROMPTS.slice(0, 3), options),
      alone(model, PROMPTS.slice(0, 2), options),
    ]);
    expect(first).toEqual(expected);
    expect(second).toEqual(expected.slice(0, 3));
    expect(single).toEqual(expected.slice(0, 2));
    await model.dispose();
  });

  test("what a batch takes is freed: at its end, when the reader leaves, and when it is aborted", async () => {
    const device = await open();
    const model = await load(device);
    // The programs for prompts so long stay.
    await together(model, PROMPTS, { maxTokens: 2 });
    await model.logits([1, 2]);
    const before = device.allocatedByteLength;
    await together(model, PROMPTS, { maxTokens: 4 });
    expect(device.allocatedByteLength).toBe(before);
    for await (const _ of model.generateBatch(PROMPTS, { maxTokens: 40 })) break;
    expect(device.allocatedByteLength).toBe(before);
    const controller = new AbortController();
    const read = async () => {
      let count = 0;
      for await (const _ of model.generateBatch(PROMPTS, { maxTokens: 400, signal: controller.signal })) {
        if (++count === 30) controller.abort(new Error("enough"));
      }
    };
    await expect(read()).rejects.toThrow("enough");
    expect(device.allocatedByteLength).toBe(before);
    await model.dispose();
  });

  test("wrong prompts, states and options are refused", async () => {
    const model = await load();
    const other = await load();
    await expect(model.generateBatch([[1], []]).next()).rejects.toThrow(PromptError);
    await expect(model.generateBatch([[1]], { batchSize: 0 }).next()).rejects.toThrow(OptionError);
    await expect(model.generateBatch(["text"]).next()).rejects.toMatchObject({ code: "ERR_NO_TOKENIZER" });
    const [a, b, foreign] = [model.createState(), model.createState(), other.createState()];
    await expect(model.advanceAll([a, b], [1])).rejects.toThrow("expected an id for each of 2 states, found 1 ids");
    await expect(model.advanceAll([a, b], [1, 512])).rejects.toThrow("token id 512 at position 1 is out of range");
    await expect(model.advanceAll([a, a], [1, 2])).rejects.toThrow(StateError);
    await expect(model.advanceAll([a, foreign], [1, 2])).rejects.toThrow("expected states of this model");
    await b.dispose();
    await expect(model.advanceAll([a, b], [1, 2])).rejects.toThrow(DisposedError);
    expect(await model.advanceAll([a], [1])).toHaveLength(1);
    await model.dispose();
    await other.dispose();
  });
});
