/**
 * The trained model, on the CPU: perplexity over the documents of which the reference's is known, and LAMBADA against an independent
 * computation from all logits.
 */
import { BlackMamba } from "@blackmamba/model";
import { readFixture, readJsonFixture, readRepositoryFile } from "@blackmamba/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lambada, parseLambada } from "./lambada.ts";
import { perplexity } from "./perplexity.ts";
import { plainScores } from "./testing/plain.ts";

let model: BlackMamba;

beforeAll(async () => {
  const file = (name: string) => readRepositoryFile(`packages/storyteller/model/${name}`);
  const [config, weights, tokenizer, tokenizerConfig] = await Promise.all([
    file("config.json"),
    file("model.safetensors"),
    file("tokenizer.json"),
    file("tokenizer_config.json"),
  ]);
  model = await BlackMamba.load({ config, weights, tokenizer, tokenizerConfig }, { device: "cpu" });
});
afterAll(() => model.dispose());

test("perplexity is at most 1 % above the reference's for the model in bf16", async () => {
  const all = await readJsonFixture<{ text: string; tokens: number; nll: number }[]>("storyteller/nll.json");
  const { tokenizer } = model;
  // Of each document the reference has the first 511 tokens.
  const documents = all.map(({ text }) => tokenizer?.decode(tokenizer.encode(text).slice(0, 511)) ?? "");
  const result = await perplexity(model, documents);
  expect(result.documents.map(({ tokens }) => tokens)).toEqual(all.map(({ tokens }) => tokens));
  const reference = all.reduce((sum, { nll }) => sum + nll, 0) / all.reduce((sum, { tokens }) => sum + tokens, 0);
  expect(result.perplexity).toBeLessThanOrEqual(1.01 * Math.exp(reference));
  expect(result.perplexity).toBeGreaterThanOrEqual(0.99 * Math.exp(reference));
}, 300_000);

test("LAMBADA's figures are those of all logits", async () => {
  const passages = parseLambada(new TextDecoder().decode(await readFixture("lambada/sample.jsonl")));
  const result = await lambada(model, passages);
  const { tokenizer } = model;
  const words: { logprob: number; correct: boolean }[] = [];
  for (const [index, passage] of passages.entries()) {
    // None of these ends its context with white space, and none has tokens across the cut.
    const ids = tokenizer?.encodePrompt(passage) ?? [];
    const context = tokenizer?.encodePrompt(passage.slice(0, passage.lastIndexOf(" "))) ?? [];
    expect(ids.slice(0, context.length)).toEqual(context);
    const scores = (await plainScores(model, ids)).slice(context.length - 1);
    words.push({
      logprob: scores.reduce((sum, { logprob }) => sum + logprob, 0),
      correct: scores.every(({ greedy }) => greedy),
    });
    expect(result.passages[index]).toMatchObject({
      tokens: ids.length - context.length,
      correct: words[index]?.correct,
    });
    expect(Math.abs(Number(result.passages[index]?.logprob) - Number(words[index]?.logprob))).toBeLessThan(1e-3);
  }
  const found = words.filter(({ correct }) => correct).length;
  expect(found).toBeGreaterThan(3);
  expect(found).toBeLessThan(passages.length - 3);
  expect(result).toMatchObject({ correct: found, accuracy: found / passages.length });
  const mean = words.reduce((sum, { logprob }) => sum + logprob, 0) / words.length;
  expect(result.perplexity / Math.exp(-mean)).toBeCloseTo(1, 3);
}, 300_000);
