/// <reference types="node" />
/** The native Hugging Face tokenizers' own answers, for the two tokenizers that matter most here. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "./index.ts";

interface GoldenCase {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}

const read = (path: string) => readFile(new URL(path, import.meta.url));
const golden: Record<string, GoldenCase[]> = JSON.parse((await read("../fixtures/tokenization.json")).toString());
const storyteller = createTokenizer(
  await read("../../storyteller/model/tokenizer.json"),
  await read("../../storyteller/model/tokenizer_config.json"),
);
const gptNeox = createTokenizer(gunzipSync(await read("../fixtures/gpt-neox-20b.tokenizer.json.gz")));

describe.each([
  { name: "gpt-neox-20b", tokenizer: gptNeox },
  { name: "storyteller", tokenizer: storyteller },
])("$name", ({ name, tokenizer }) => {
  const cases = golden[name]!;

  test("there are cases", () => expect(cases.length).toBe(21));

  test.each(cases.map((each) => ({ title: JSON.stringify(each.text.slice(0, 40)), ...each })))(
    "$title",
    ({ text, ids, decoded }) => {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
      const stream = tokenizer.stream();
      const pieces = ids.map((id) => stream.push(id));
      expect(pieces.join("") + stream.flush()).toBe(decoded);
      expect(pieces.join("")).not.toContain("\u{FFFD}");
    },
  );
});

test("the storyteller starts a prompt with <|endoftext|>, and ends with it", () => {
  expect(storyteller).toMatchObject({
    vocabSize: 8192,
    addBosToken: true,
    bosTokenId: 0,
    eosTokenId: 0,
    endTokenId: 0,
  });
  expect(storyteller.encodePrompt("Once upon a time")).toEqual([0, 767, 587, 259, 481]);
});

test("GPT-NeoX's tokenizer without a config starts with nothing and ends with <|endoftext|>", () => {
  expect(gptNeox).toMatchObject({ vocabSize: 50_277, addBosToken: false, bosTokenId: undefined, endTokenId: 0 });
});

test.each([
  ["U+FEFF is no white space", "a \u{FEFF}b", [66, 35762, 67]],
  ["U+0085 is white space", "a \u{85}b", [66, 209, 16643, 67]],
])("%s, as for the native tokenizer", (_, text, ids) => {
  expect(gptNeox.encode(text)).toEqual(ids);
  expect(gptNeox.decode(ids)).toBe(text);
});
