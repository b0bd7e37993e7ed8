/**
 * Prompts that begin as earlier ones did: less is read, and what follows is the same.
 */
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { OptionError } from "./errors.ts";
import type { GenerateOptions } from "./generate/generate.ts";
import { goldenParts, text } from "./testing/golden.ts";

async function idsOf(model: BlackMamba, prompt: number[], options: GenerateOptions): Promise<number[]> {
  const ids = [];
  for await (const { id } of model.generate(prompt, options)) ids.push(id);
  return ids;
}

/** The golden model is so sure of itself that samples differ only at a high temperature. */
const OPTIONS = { maxTokens: 10, temperature: 30, seed: 6 };

describe.each(testDevices())("a prefix cache on $label", ({ open }) => {
  const load = async () => BlackMamba.load(await goldenParts("blackmamba"), { device: await open() });

  test("a prompt pays for what is new, and says the same", async () => {
    const model = await load();
    const cache = model.createPrefixCache();
    const prompts = [text(300), text(300), [...text(300), 4, 5], [9, ...text(20)], text(250)];
    for (const prompt of prompts) {
      expect(await idsOf(model, prompt, { ...OPTIONS, cache })).toEqual(await idsOf(model, prompt, OPTIONS));
    }
    // The first misses, the second has all, the third all but two; the fourth is another text, and the fifth ends before the first does.
    expect([cache.hits, cache.misses]).toEqual([2, 3]);
    expect([cache.hitTokens, cache.missedTokens]).toEqual([600, 300 + 2 + 21 + 250]);
    expect(cache.entries).toBe(4);
    expect(cache.byteLength).toBe(4 * model.createState().byteLength);
    await cache.dispose();
    expect([cache.entries, cache.byteLength]).toEqual([0, 0]);
    await expect(idsOf(model, text(3), { cache })).rejects.toThrow("prefix cache was disposed");
    await model.dispose();
  });

  test("where two prompts part, a state is kept for the third", async () => {
    const model = await load();
    const cache = model.createPrefixCache();
    const system = text(60);
    const ask = (question: number[]) => idsOf(model, [...system, ...question], { ...OPTIONS, cache });
    await ask([1, 2, 3]);
    await ask([4, 5]);
    expect(cache.hitTokens).toBe(0);
    const question = [6, 7, 8];
    expect(await ask(question)).toEqual(await idsOf(model, [...system, ...question], OPTIONS));
    expect(cache.hitTokens).toBe(60);
    // Too short a beginning to be worth it.
    await idsOf(model, [...text(5), 100], { ...OPTIONS, cache });
    await idsOf(model, [...text(5), 101], { ...OPTIONS, cache });
    expect(cache.hitTokens).toBe(60);
    await model.dispose();
  });

  test("what was used longest ago goes first, and memory is bounded", async () => {
    const device = await open();
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device });
    const { byteLength } = model.createState();
    const cache = model.createPrefixCache({ maxByteLength: 2.5 * byteLength });
    await idsOf(model, [1, 1], { ...OPTIONS, cache });
    const before = device.allocatedByteLength;
    await idsOf(model, [2, 2], { ...OPTIONS, cache });
    await idsOf(model, [1, 1], { ...OPTIONS, cache });
    await idsOf(model, [3, 3], { ...OPTIONS, cache });
    expect(cache.entries).toBe(2);
    expect(device.allocatedByteLength - before).toBe(byteLength);
    expect(cache.hits).toBe(1);
    await idsOf(model, [1, 1], { ...OPTIONS, cache });
    expect(cache.hits).toBe(2);
    await idsOf(model, [2, 2], { ...OPTIONS, cache });
    expect(cache.hits).toBe(2);
    await cache.clear();
    expect(device.allocatedByteLength).toBe(before - byteLength);
    const none = model.createPrefixCache({ maxByteLength: 0 });
    expect(await idsOf(model, [1, 1], { ...OPTIONS, cache: none })).toHaveLength(10);
    expect(none.entries).toBe(0);
    await model.dispose();
  });

  test("several may use it at once", async () => {
    const model = await load();
    const cache = model.createPrefixCache({ maxByteLength: 3 * model.createState().byteLength });
    const prompts = Array.from({ length: 12 }, (_, i) => [...text(20 + (i % 3)), i % 5]);
    const expected = [];
    for (const prompt of prompts) expected.push(await idsOf(model, prompt, OPTIONS));
    const found = await Promise.all(prompts.map((prompt) => idsOf(model, prompt, { ...OPTIONS, cache })));
    expect(found).toEqual(expected);
    await model.dispose();
  });

  test("it is of one model, and has a size", async () => {
    const [model, other] = [await load(), await load()];
    const cache = other.createPrefixCache();
    await expect(idsOf(model, [1], { cache })).rejects.toThrow("option cache: expected a prefix cache of this model");
    expect(() => model.createPrefixCache({ maxByteLength: -1 })).toThrow(OptionError);
    await model.dispose();
    await other.dispose();
  });
});
