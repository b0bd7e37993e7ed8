/**
 * The trained model, on the CPU: LAMBADA against an independent computation from all logits. Its perplexity is tested in
 * `packages/storyteller`.
 */
import { BlackMamba } from "@blackmamba/model";
import { readFixture, readRepositoryFile } from "@blackmamba/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lambada, parseLambada } from "./lambada.ts";
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
