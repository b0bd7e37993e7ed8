/** Perplexity of small models, whose tokens are bytes, against plain loops over all logits. */
import { BlackMamba, NoTokenizerError, OptionError } from "@blackmamba/model";
import { readFixture, testDevices } from "@blackmamba/testing";
import { createByteTokenizer } from "@blackmamba/tokenizer";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { EvalInputError } from "./errors.ts";
import type { EvalModel } from "./eval-model.ts";
import { type DocumentScore, type PerplexityOptions, perplexity } from "./perplexity.ts";
import type { EvalProgress } from "./score-each.ts";
import { plainScores, plainWindows } from "./testing/plain.ts";

/** Beyond the bytes; the golden models have 512 ids. */
const START = 300;

const DOCUMENTS = ["The dog was very hungry.", "naïve — 🐍", "x", "One day,\n\n a girl ".repeat(40)] as const;

const bytesOf = (text: string) => [...new TextEncoder().encode(text)];

describe.each(testDevices())("perplexity on $label", ({ open }) => {
  const load = async () => {
    const [config, weights] = await Promise.all(
      ["config.json", "pytorch_model.bin"].map((name) => readFixture(`golden/blackmamba/${name}`)),
    );
    const loaded = await BlackMamba.load({ config, weights: weights as Uint8Array }, { device: await open() });
    onTestFinished(() => loaded.dispose());
    const score = vi.fn<EvalModel["score"]>((ids, options) => loaded.score(ids, options));
    return { loaded, model: { tokenizer: createByteTokenizer(), score } };
  };

  test("of whole documents is that of all their logits", async () => {
    const { loaded, model } = await load();
    const result = await perplexity(model, DOCUMENTS, { startId: START });
    let [nll, tokens] = [0, 0];
    for (const [index, text] of DOCUMENTS.entries()) {
      const scores = await plainScores(loaded, [START, ...bytesOf(text)]);
      const own = scores.reduce((sum, { logprob }) => sum - logprob, 0);
      expect(result.documents[index]).toMatchObject({ index, tokens: scores.length, bytes: bytesOf(text).length });
      expect(Math.abs(Number(result.documents[index]?.nll) - own) / scores.length).toBeLessThan(2e-5);
      nll += own;
      tokens += scores.length;
    }
    expect(result.tokens).toBe(tokens);
    expect(Math.abs(result.nll - nll) / tokens).toBeLessThan(2e-5);
    expect(result.words).toBe(5 + 3 + 1 + 161);
    expect(result.perplexity).toBe(Math.exp(result.nll / tokens));
    // A token is a byte here.
    expect(result.bytePerplexity).toBe(result.perplexity);
    expect(result.bitsPerByte).toBeCloseTo(Math.log2(result.perplexity), 12);
    expect(result.wordPerplexity).toBe(Math.exp(result.nll / result.words));
  });

  test.each([
    { context: 1 },
    { context: 16 },
    { context: 16, stride: 1 },
    { context: 100, stride: 37 },
    { context: 100_000, stride: 5 },
  ])("in windows is that of the harness's windows: %o", async ({ context, stride = context }) => {
    const { loaded, model } = await load();
    const text = DOCUMENTS[0] + DOCUMENTS[3].slice(0, 100);
    const options: PerplexityOptions = { startId: START, context, ...(stride !== context && { stride }) };
    const { nll, tokens } = await perplexity(model, [text], options);
    let expected = 0;
    for (const { input, predicted } of plainWindows([START, ...bytesOf(text)], context, stride)) {
      const scores = await plainScores(loaded, [...input, predicted.at(-1) as number]);
      expected -= scores.slice(-predicted.length).reduce((sum, { logprob }) => sum + logprob, 0);
    }
    expect(tokens).toBe(bytesOf(text).length);
    expect(Math.abs(nll - expected) / tokens).toBeLessThan(2e-5);
  });

  test("goes on from what is known, and gives the same", async () => {
    const { model } = await load();
    const seen: DocumentScore[] = [];
    const whole = await perplexity(model, DOCUMENTS, { startId: START, onScore: (score) => void seen.push(score) });
    expect(seen.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    model.score.mockClear();
    const known = JSON.parse(JSON.stringify([seen[3], seen[1]]));
    const later: DocumentScore[] = [];
    const progress: EvalProgress[] = [];
    const resumed = await perplexity(model, DOCUMENTS, {
      ...{ startId: START, known },
      onScore: (score) => void later.push(score),
      onProgress: (each) => progress.push(each),
    });
    expect(resumed).toEqual(whole);
    expect(later.map(({ index }) => index)).toEqual([0, 2]);
    expect(model.score).toHaveBeenCalledTimes(2);
    const total = whole.bytes;
    expect(progress[0]).toEqual({ done: total - 25, total });
    expect(progress.at(-1)).toEqual({ done: total, total });
  });

  test("tells how far it is within a document too", async () => {
    const { model } = await load();
    const progress: number[] = [];
    const options = { startId: START, context: 50, onProgress: ({ done }: EvalProgress) => progress.push(done) };
    await perplexity(model, [DOCUMENTS[3]], options);
    expect(progress.length).toBeGreaterThan(10);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test("ends with the signal's reason, and what was told before stays told", async () => {
    const { model } = await load();
    const controller = new AbortController();
    const seen: number[] = [];
    const run = perplexity(model, DOCUMENTS, {
      startId: START,
      signal: controller.signal,
      onScore({ index }) {
        seen.push(index);
        if (index === 1) controller.abort(new Error("enough"));
      },
    });
    await expect(run).rejects.toThrow("enough");
    expect(seen).toEqual([0, 1]);
    const within = perplexity(model, [DOCUMENTS[3]], {
      startId: START,
      signal: AbortSignal.abort(new Error("at once")),
    });
    await expect(within).rejects.toThrow("at once");
  });
});

describe("what cannot be scored", () => {
  const score = async () => ({ logprobs: Float64Array.of(Number.NaN, -1), greedy: Uint8Array.of(0, 1) });
  const model: EvalModel = { tokenizer: { ...createByteTokenizer(), endTokenId: 7 }, score };

  test("is named", async () => {
    await expect(perplexity(model, [])).rejects.toThrow(EvalInputError);
    await expect(perplexity({ ...model, tokenizer: undefined }, ["a"])).rejects.toThrow(NoTokenizerError);
    await expect(perplexity(model, ["a"], { stride: 2 })).rejects.toThrow(OptionError);
    const silent = { ...model, tokenizer: { encode: () => [], addBosToken: false, bosTokenId: 1, endTokenId: 2 } };
    await expect(perplexity(silent, ["a"])).rejects.toThrow("makes no tokens of this text");
    const nowhere = { ...model, tokenizer: createByteTokenizer() };
    await expect(perplexity(nowhere, ["a"])).rejects.toThrow("option startId");
  });

  test("a text begins from what was given, else from the start token, else from the end token", async () => {
    const starts: number[] = [];
    const listening = (tokenizer: object): EvalModel => ({
      tokenizer: { ...createByteTokenizer(), ...tokenizer },
      score: (ids) => {
        starts.push(ids[0] as number);
        return score();
      },
    });
    await perplexity(listening({ bosTokenId: 1, endTokenId: 2 }), ["a"], { startId: 0 });
    await perplexity(listening({ bosTokenId: 1, endTokenId: 2 }), ["a"]);
    await perplexity(listening({ endTokenId: 2 }), ["a"]);
    expect(starts).toEqual([0, 1, 2]);
  });

  test("an error while a score is told is not swallowed", async () => {
    const onScore = async () => {
      throw new Error("the disk is full");
    };
    await expect(perplexity(model, ["a"], { onScore })).rejects.toThrow("the disk is full");
  });
});
