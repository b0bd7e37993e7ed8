/**
 * Options of `generate`, on real models. How each draws is tested where the sampler is, in `kernels`.
 */

import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { OptionError } from "./errors.ts";
import type { GenerateOptions } from "./generate/generate.ts";
import type { GeneratedToken } from "./generate/token.ts";
import { logprobOf, topLogprobs } from "./logprobs.ts";
import { goldenParts, text } from "./testing/golden.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

const idsOf = (tokens: readonly GeneratedToken[]) => tokens.map(({ id }) => id);

/** The golden model is so sure of itself that samples differ only at a high temperature. */
const HOT = 30;

describe.each(testDevices())("generating on $label", ({ open }) => {
  const load = async () => BlackMamba.load(await goldenParts("blackmamba"), { device: await open() });

  test("log-probabilities are those of the model's logits, whatever changes these afterwards", async () => {
    const model = await load();
    const prompt = text(7);
    const options: GenerateOptions = {
      maxTokens: 6,
      temperature: HOT,
      seed: 3,
      presencePenalty: 1,
      logitBias: { 3: 2 },
    };
    const tokens = await collect(model.generate(prompt, { ...options, logprobs: 3 }));
    const ids = [...prompt, ...idsOf(tokens)];
    expect(idsOf(tokens)).toEqual(idsOf(await collect(model.generate(prompt, options))));
    const logits = await model.logits(ids);
    for (const [index, { id, logprob, topLogprobs: top = [] }] of tokens.entries()) {
      const row = logits.subarray((prompt.length + index - 1) * 512, (prompt.length + index) * 512);
      expect(logprob).toBeCloseTo(logprobOf(row, id), 4);
      const expected = topLogprobs(row, 3);
      expect(top.map((own) => own.id)).toEqual(expected.map((own) => own.id));
      for (const [i, own] of top.entries()) expect(own.logprob).toBeCloseTo(Number(expected[i]?.logprob), 4);
    }
    const [first] = await collect(model.generate(prompt, { maxTokens: 1, logprobs: 0 }));
    expect(first).toMatchObject({ logprob: expect.any(Number), topLogprobs: [] });
    await model.dispose();
  });

  test("an echo is the prompt, with what the model says of it", async () => {
    const model = await load();
    const prompt = text(9);
    const tokens = await collect(model.generate(prompt, { maxTokens: 3, echo: true, logprobs: 1 }));
    expect(idsOf(tokens).slice(0, 9)).toEqual(prompt);
    expect(tokens.map(({ isPrompt }) => isPrompt === true)).toEqual(Array.from({ length: 12 }, (_, i) => i < 9));
    const { logprobs, topLogprobs: top } = await model.score(prompt, { top: 1 });
    expect(tokens[0]).toEqual({ id: prompt[0], text: "", isPrompt: true });
    for (let t = 1; t < 9; t++) {
      expect(tokens[t]?.logprob).toBeCloseTo(Number(logprobs[t]), 6);
      expect(tokens[t]?.topLogprobs?.[0]?.id).toBe(top?.[t]?.[0]?.id);
    }
    const alone = await collect(model.generate(prompt, { maxTokens: 0, echo: true }));
    expect(alone).toEqual(prompt.map((id) => ({ id, text: "", isPrompt: true })));
    const batcher = model.createBatcher();
    expect(idsOf(await collect(batcher.generate(prompt, { maxTokens: 3, echo: true })))).toEqual(idsOf(tokens));
    await batcher.dispose();
    await model.dispose();
  });

  test("a processor changes what is chosen, and sees what came before", async () => {
    const model = await load();
    const seen: number[][] = [];
    const tokens = await collect(
      model.generate(text(4), {
        maxTokens: 4,
        logitProcessors: [
          (logits, { ids, promptLength }) => {
            expect(promptLength).toBe(4);
            seen.push([...ids.slice(4)]);
            // Only the next after the last: a grammar of counting.
            for (let id = 0; id < logits.length; id++)
              if (id !== Number(ids.at(-1)) + 1) logits[id] = Number.NEGATIVE_INFINITY;
          },
          async (logits) => {
            await Promise.resolve();
            logits[0] = Number.NEGATIVE_INFINITY;
          },
        ],
      }),
    );
    const last = Number(text(4).at(-1));
    expect(idsOf(tokens)).toEqual([1, 2, 3, 4].map((step) => last + step));
    expect(seen).toEqual([0, 1, 2, 3].map((count) => Array.from({ length: count }, (_, i) => last + 1 + i)));
    const failing = model.generate([1], { logitProcessors: [() => Promise.reject(new Error("no grammar"))] });
    await expect(collect(failing)).rejects.toThrow("no grammar");
    expect(await collect(model.generate([1], { maxTokens: 2 }))).toHaveLength(2);
    await model.dispose();
  });

  test("an id that ends the text does so only after minTokens", async () => {
    const model = await load();
    const free = idsOf(await collect(model.generate(text(5), { maxTokens: 12 })));
    const stopIds = [Number(free[4])];
    const at = free.indexOf(Number(free[4]));
    expect(idsOf(await collect(model.generate(text(5), { maxTokens: 12, stopIds })))).toEqual(free.slice(0, at));
    const later = idsOf(await collect(model.generate(text(5), { maxTokens: 12, minTokens: 8, stopIds })));
    expect(later.length).toBeGreaterThanOrEqual(8);
    expect(later.slice(0, 8)).not.toContain(stopIds[0]);
    await model.dispose();
  });

  test("samples of one prompt differ by their seeds, and read it once", async () => {
    const model = await load();
    const cache = model.createPrefixCache();
    const prompts = [text(40), text(9)];
    const options = { maxTokens: 6, temperature: HOT, seed: 5 };
    const samples = prompts.map(() => [[], [], []] as number[][]);
    for await (const { index, sample, id } of model.generateBatch(prompts, { ...options, n: 3, cache })) {
      samples[index]?.[sample]?.push(id);
    }
    for (const [index, prompt] of prompts.entries()) {
      for (let sample = 0; sample < 3; sample++) {
        const alone = await collect(model.generate(prompt, { ...options, seed: 5 + index * 3 + sample }));
        expect(samples[index]?.[sample]).toEqual(idsOf(alone));
      }
    }
    expect([cache.hits, cache.misses]).toEqual([4, 2]);
    // The first of two samples has an end of its own.
    const stopIds = [Number(samples[1]?.[0]?.[3])];
    const ending = model.generateBatch(prompts, { ...options, stopIds, n: 2 });
    let next = await ending.next();
    while (!next.done) next = await ending.next();
    const reasons = [0, 1].flatMap((index) =>
      [0, 1].map(async (sample) => {
        const alone = model.generate(prompts[index] as number[], { ...options, stopIds, seed: 5 + index * 2 + sample });
        let last = await alone.next();
        while (!last.done) last = await alone.next();
        return last.value;
      }),
    );
    expect(next.value).toEqual(await Promise.all(reasons));
    expect(next.value).toContainEqual({ finishReason: "stop" });
    await model.dispose();
  });

  test("wrong options are refused by name", async () => {
    const model = await load();
    const refuse = async (options: object, message: string) => {
      await expect(model.generate([1], options).next()).rejects.toThrow(OptionError);
      await expect(model.generate([1], options).next()).rejects.toThrow(message);
    };
    await refuse({ logprobs: 21 }, "option logprobs: expected a whole number from 0 to 20, found 21");
    await refuse({ logprobs: -1 }, "option logprobs");
    await refuse({ logitProcessors: [7] }, "option logitProcessors: expected an array of functions, found 7");
    await refuse({ stopIds: [512] }, "option stopIds: expected ids from 0 to 511, found 512");
    await refuse({ logitBias: { 512: 1 } }, "option logitBias: expected ids from 0 to 511, found 512");
    await refuse({ minTokens: 300 }, "option minTokens: expected a whole number from 0 to maxTokens, 200, found 300");
    await expect(model.generateBatch([[1]], { n: 0 }).next()).rejects.toThrow("option n");
    await model.dispose();
  });
});
