/**
 * Texts that are made with drafts: they say what they say without.
 */
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { OptionError } from "./errors.ts";
import type { DraftStatistics } from "./generate/draft/draft.ts";
import type { GenerateOptions } from "./generate/generate.ts";
import { goldenParts, text } from "./testing/golden.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

/** The ids of a text, and how well its drafts did. */
async function generate(model: BlackMamba, prompt: readonly number[], options: GenerateOptions) {
  const ids: number[] = [];
  const tokens = model.generate(prompt, options);
  for (;;) {
    const { done, value } = await tokens.next();
    if (done) return { ids, draft: value.draft as DraftStatistics, finishReason: value.finishReason };
    ids.push(value.id);
  }
}

describe.each(testDevices())("drafts on $label", ({ open }) => {
  const load = async () => BlackMamba.load(await goldenParts("blackmamba"), { device: await open() });
  /** It is often of another mind. */
  const loadSmaller = async () => BlackMamba.load(await goldenParts("blackmamba"), { device: "cpu", quantize: "q4_0" });

  test.each([
    ["the likeliest ids", {}],
    ["drawn ids", { temperature: 12, seed: 3 }],
    [
      "ids with every option",
      {
        temperature: 9,
        topK: 90,
        topP: 0.95,
        typicalP: 0.95,
        frequencyPenalty: 0.7,
        repetitionPenalty: 1.2,
        logitBias: { 5: 2 },
        minTokens: 5,
        seed: 8,
      },
    ],
  ] as [string, GenerateOptions][])("%s are the same as without", async (_, sampling) => {
    const [model, smaller] = [await load(), await loadSmaller()];
    const rates = [];
    for (const prompt of [text(20), text(3), [...text(12), ...text(12), ...text(12)]]) {
      const options = { ...sampling, maxTokens: 30 };
      const { ids } = await generate(model, prompt, options);
      for (const draft of [
        { lookup: true } as const,
        { model: smaller, tokens: 5 },
        { model, tokens: 16 },
        { model, tokens: 1 },
      ]) {
        const found = await generate(model, prompt, { ...options, draft });
        expect(found.ids).toEqual(ids);
        const { proposed, accepted, runs } = found.draft;
        expect(accepted).toBeLessThanOrEqual(proposed);
        expect(accepted + runs).toBeGreaterThanOrEqual(29);
        rates.push(accepted / Math.max(1, proposed));
      }
    }
    // A model's own drafts are right but for rounding, and those of the smaller one now and then.
    expect(rates[2]).toBeGreaterThan(0.9);
    await model.dispose();
    await smaller.dispose();
  });

  test("a text that repeats itself takes few runs", async () => {
    const model = await load();
    const repeated = [...text(9), ...text(9), ...text(9)];
    // The bias makes it go on in a circle.
    const options = { maxTokens: 40, logitBias: { 7: 1000 } };
    const { ids } = await generate(model, repeated, options);
    const { ids: drafted, draft } = await generate(model, repeated, { ...options, draft: { lookup: true } });
    expect(drafted).toEqual(ids);
    expect(draft.runs).toBeLessThan(12);
    await model.dispose();
  });

  test("states, caches and ends of texts are as without", async () => {
    const model = await load();
    const draft = { model, tokens: 4 };
    const [plain, drafted] = [model.createState(), model.createState()];
    const cache = model.createPrefixCache();
    for (const options of [{ maxTokens: 11 }, { maxTokens: 7, temperature: 12, seed: 5 }]) {
      const expected = await generate(model, text(9), { ...options, state: plain });
      const found = await generate(model, text(9), { ...options, state: drafted, draft, cache });
      expect(found.ids).toEqual(expected.ids);
      expect(drafted.position).toBe(plain.position);
    }
    const { ids } = await generate(model, text(20), { maxTokens: 20 });
    const stopIds = [Number(ids[9])];
    const at = ids.indexOf(Number(ids[9]));
    const ended = await generate(model, text(20), { maxTokens: 20, stopIds, draft });
    expect(ended.ids).toEqual(ids.slice(0, at));
    expect(ended.finishReason).toBe("stop");
    await model.dispose();
  });

  test("wrong drafts are refused by name", async () => {
    const model = await load();
    const refuse = (draft: object, message: string, more: GenerateOptions = {}) =>
      expect(model.generate([1], { ...more, draft: draft as never }).next()).rejects.toThrow(message);
    await refuse({ lookup: true, tokens: 17 }, "option draft.tokens: expected a whole number from 1 to 16, found 17");
    await refuse({ lookup: true, ngram: 0 }, "option draft.ngram");
    await refuse({ model: {} }, "option draft.model: expected a model, found object");
    await refuse({ lookup: true }, "option draft: expected none together with logprobs", { logprobs: 1 });
    const { parts } = await randomModel(SMALL_CONFIG, "f32");
    const other = await BlackMamba.load(parts, { device: "cpu" });
    await refuse({ model: other }, "option draft.model: expected a model of the same vocabulary, 512 ids, found 64");
    const batcher = model.createBatcher();
    await expect(batcher.generate([1], { draft: { lookup: true } }).next()).rejects.toThrow(OptionError);
    // A state that was to go along is free again.
    const state = model.createState();
    await expect(model.generate([1], { state, draft: { model: {} as never } }).next()).rejects.toThrow(OptionError);
    expect(await state.advance([1])).toHaveLength(512);
    await batcher.dispose();
    await other.dispose();
    await model.dispose();
  });
});
