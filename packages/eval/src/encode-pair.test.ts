/** Where a text is cut into context and continuation, with tokenizers whose tokens can be seen. */
import { readRepositoryFile } from "@blackmamba/testing";
import { createByteTokenizer, createTokenizer } from "@blackmamba/tokenizer";
import { describe, expect, test } from "vitest";
import { encodePair } from "./encode-pair.ts";
import type { EvalTokenizer } from "./eval-model.ts";

const START = 0;

/** One token for each character, but for "ab", which is one as well. */
const pairs: EvalTokenizer = {
  encode: (text) => text.match(/ab|./gs)?.map((token) => token.charCodeAt(0) + (token.length > 1 ? 1000 : 0)) ?? [],
  ...{ addBosToken: false, bosTokenId: START, endTokenId: START },
};

describe("a context and its continuation", () => {
  test("are cut after as many ids as the context has alone", async () => {
    expect(await encodePair(pairs, "xy", "z", START)).toEqual({ context: [120, 121], continuation: [122] });
    // "a" is what is read, although it is not so in both together: there "ab" is a token, which is what the context has ids for.
    expect(await encodePair(pairs, "xa", "bc", START)).toEqual({ context: [120, 97], continuation: [99] });
  });

  test("white space at the context's end goes to the continuation", async () => {
    expect(await encodePair(pairs, "x \n", "y", START)).toEqual({ context: [120], continuation: [32, 10, 121] });
  });

  test("a context of nothing is the start token", async () => {
    expect(await encodePair(pairs, "", " y", START)).toEqual({ context: [START], continuation: [32, 121] });
    expect(await encodePair(pairs, "  ", "y", START)).toEqual({ context: [START], continuation: [32, 32, 121] });
  });

  test("begin with the start token where the tokenizer says so, once", async () => {
    const bos = { ...pairs, addBosToken: true };
    expect(await encodePair(bos, "x", "y", START)).toEqual({ context: [START, 120], continuation: [121] });
    expect(await encodePair(bos, "", "y", START)).toEqual({ context: [START], continuation: [121] });
  });

  test("may be encoded by a tokenizer that takes its time", async () => {
    const bytes = createByteTokenizer();
    const late: EvalTokenizer = { ...bytes, encode: async (text) => bytes.encode(text) };
    expect(await encodePair(late, "ä ", "b", START)).toEqual({ context: [0xc3, 0xa4], continuation: [32, 98] });
  });

  test("of a trained vocabulary: the last word keeps its space", async () => {
    const file = (name: string) => readRepositoryFile(`packages/storyteller/model/${name}`);
    const tokenizer = createTokenizer(await file("tokenizer.json"), await file("tokenizer_config.json"));
    const { context, continuation } = await encodePair(tokenizer, "The dog was very", " hungry", START);
    expect(context).toEqual(tokenizer.encodePrompt("The dog was very"));
    expect(continuation.map((id) => tokenizer.idToToken(id))).toEqual(["Ġhungry"]);
  });
});
