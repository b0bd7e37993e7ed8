import type { Tokenizer } from "@blackmamba/tokenizer";
import { createTokenizer } from "@blackmamba/tokenizer";
import { expect, test } from "vitest";
import type { ModelState } from "../model-state.ts";
import { generateTokens } from "./generate.ts";

/** A state whose likeliest ids come in this order. */
function scripted(ids: readonly number[], vocab: number): ModelState {
  let step = 0;
  const advance = async () => Float32Array.from({ length: vocab }, (_, id) => (id === ids[step] ? 1 : 0));
  return { advance: () => advance().finally(() => step++) } as unknown as ModelState;
}

async function generate(tokenizer: Tokenizer, ids: readonly number[], maxTokens = ids.length) {
  const state = scripted(ids, tokenizer.vocabSize);
  const tokens = [];
  for await (const token of generateTokens({ state, promptIds: [0], tokenizer }, { maxTokens })) tokens.push(token);
  return tokens;
}

const tokenizer = (vocab: string[], decoder: object, endToken?: string) =>
  createTokenizer(
    {
      version: "1.0",
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder,
      model: { type: "BPE", vocab: Object.fromEntries(vocab.map((token, id) => [token, id])), merges: [] },
    },
    { eos_token: endToken },
  );

// The bytes of é, and the letters of the byte-level alphabet that stand for them.
const bytes = tokenizer(["a", "b", "\u00c3", "\u00a9", "<end>"], { type: "ByteLevel" }, "<end>");

test("a character that takes two tokens comes with the second", async () => {
  expect(await generate(bytes, [0, 2, 3, 1])).toEqual([
    { id: 0, text: "a" },
    { id: 2, text: "" },
    { id: 3, text: "\u00e9" },
    { id: 1, text: "b" },
  ]);
});

test("half a character at the end is no text, and its id is told all the same", async () => {
  expect(await generate(bytes, [0, 2])).toEqual([
    { id: 0, text: "a" },
    { id: 2, text: "" },
  ]);
  expect(await generate(bytes, [0, 2, 4, 1])).toEqual([
    { id: 0, text: "a" },
    { id: 2, text: "" },
  ]);
});

test("the end token ends the text and is not part of it", async () => {
  expect(await generate(bytes, [1, 4, 0])).toEqual([{ id: 1, text: "b" }]);
  expect(await generate(bytes, [1, 0, 1], 2)).toHaveLength(2);
});

test("a tokenizer that knows its text only at the end gives it with the last token", async () => {
  const words = tokenizer(["he", "llo</w>"], { type: "BPEDecoder", suffix: "</w>" });
  const tokens = await generate(words, [0, 1, 0]);
  expect(tokens.map(({ id }) => id)).toEqual([0, 1, 0]);
  expect(tokens.map(({ text }) => text).join("")).toBe(words.decode([0, 1, 0]));
});
