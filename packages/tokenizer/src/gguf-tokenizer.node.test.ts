/**
 * A GGUF file's tokenizer against the `tokenizer.json` that it was made of.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { GgufTokenizerError } from "./errors.ts";
import { createGgufTokenizer } from "./gguf-tokenizer.ts";
import { createTokenizer } from "./tokenizer.ts";

const STORYTELLER = new URL("../../storyteller/model/tokenizer.json", import.meta.url);
/** Beside the checkout, where it is there. */
const NEOX = new URL("../../../../shared/tokenizers/gpt-neox-20b/tokenizer.json", import.meta.url);

interface Json {
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly (string | readonly string[])[] };
}

/** The metadata that a converter would write. */
function metadata({ added_tokens, model: { vocab, merges } }: Json): Map<string, unknown> {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(vocab)) tokens[id] = token;
  for (const { id, content } of added_tokens) tokens[id] = content;
  const types = new Int32Array(tokens.length).fill(1);
  for (const { id, special } of added_tokens) types[id] = special ? 3 : 4;
  return new Map<string, unknown>([
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.pre", "olmo"],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", types],
    ["tokenizer.ggml.merges", merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")))],
    ["tokenizer.ggml.bos_token_id", 0],
    ["tokenizer.ggml.eos_token_id", 0],
    ["tokenizer.ggml.add_bos_token", true],
  ]);
}

const TEXTS = [
  "Once upon a time, there was a dog.",
  "  two  spaces\n\nand\ttabs   ",
  "It's 3,141.59 — wasn't it? «Ja!»",
  "日本語のテキスト 🐍🐍",
  "a<|endoftext|>b",
  "int main() {\n        return 0;\n}",
];

describe.each(
  [
    ["storyteller", STORYTELLER],
    ["gpt-neox-20b", NEOX],
  ].filter(([, path]) => existsSync(path as URL)) as [string, URL][],
)("%s", (_, path) => {
  const json = JSON.parse(readFileSync(path, "utf8")) as Json;
  const original = createTokenizer(json);
  const tokenizer = createGgufTokenizer(metadata(json));

  test.each(TEXTS)("%o", (text) => {
    expect(tokenizer?.encode(text)).toEqual(original.encode(text));
    expect(tokenizer?.decode(original.encode(text))).toBe(text);
  });

  test("start and end", () => {
    expect(tokenizer).toMatchObject({ bosToken: "<|endoftext|>", bosTokenId: 0, addBosToken: true, endTokenId: 0 });
    expect(tokenizer?.encodePrompt("a")[0]).toBe(0);
    expect(tokenizer?.decode([0], { skipSpecialTokens: true })).toBe("");
    expect(tokenizer?.vocabSize).toBe(original.vocabSize);
  });
});

const small = (changes: Readonly<Record<string, unknown>>) =>
  new Map<string, unknown>(
    Object.entries({ model: "gpt2", tokens: ["a", "b", "ab"], merges: ["a b"], ...changes }).map(([key, value]) => [
      `tokenizer.ggml.${key}`,
      value,
    ]),
  );

test("what metadata do not say", () => {
  expect(createGgufTokenizer(new Map())).toBeUndefined();
  const tokenizer = createGgufTokenizer(small({}));
  expect(tokenizer?.encode("abba")).toEqual([2, 1, 0]);
  expect(tokenizer).toMatchObject({ bosTokenId: undefined, addBosToken: false, endTokenId: undefined, vocabSize: 3 });
});

test.each([
  [{ model: "llama" }, 'tokenizer.ggml.model: expected "gpt2", found "llama"; put the model\'s tokenizer.json beside'],
  [{ pre: "llama-bpe" }, 'tokenizer.ggml.pre: expected a way to cut texts that is GPT-2\'s, found "llama-bpe"'],
  [{ tokens: undefined }, "tokenizer.ggml.tokens: expected a list of at most 1000000 texts, found nothing"],
  [{ tokens: Int32Array.of(1) }, "tokenizer.ggml.tokens: expected a list of at most 1000000 texts, found object"],
  [{ merges: [true] }, "tokenizer.ggml.merges: expected a list of at most 1000000 texts"],
  [{ token_type: "x" }, "tokenizer.ggml.token_type: expected a list of numbers"],
  [{ eos_token_id: 7 }, 'tokenizer.ggml.eos_token_id: expected an id below 3, found "7"'],
])("%o is refused", (changes, message) => {
  expect(() => createGgufTokenizer(small(changes))).toThrow(GgufTokenizerError);
  expect(() => createGgufTokenizer(small(changes))).toThrow(message);
});
