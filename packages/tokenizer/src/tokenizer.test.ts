import { describe, expect, test } from "vitest";
import { byteLevelTokenizer } from "../fixtures/tiny-tokenizers.ts";
import { createTokenizer } from "./index.ts";

const json = byteLevelTokenizer();
const end = 260;

describe("input", () => {
  test.each([
    ["parsed JSON", json],
    ["text", JSON.stringify(json)],
    ["bytes", new TextEncoder().encode(JSON.stringify(json))],
    ["bytes after a byte order mark", new TextEncoder().encode(`\u{FEFF}${JSON.stringify(json)}`)],
  ])("may be %s", (_, input) => {
    expect(createTokenizer(input).encode("hi")).toEqual([0x68, 0x69]);
  });

  test("the config may be text, bytes, or nothing", () => {
    const config = JSON.stringify({ eos_token: "<|endoftext|>" });
    expect(createTokenizer(json, config).eosTokenId).toBe(end);
    expect(createTokenizer(json, new TextEncoder().encode(config)).eosTokenId).toBe(end);
    expect(createTokenizer(json, null).eosTokenId).toBeUndefined();
  });

  test("steps a tokenizer does not have may be left out", () => {
    const { model } = json;
    expect(createTokenizer({ model }).decode([0x68, 0x69])).toBe("h i");
  });
});

describe("encode", () => {
  const tokenizer = createTokenizer(json, { add_bos_token: true, bos_token: "<|endoftext|>" });

  test("adds nothing", () => expect(tokenizer.encode("a")).toEqual([0x61]));
  test("of nothing is nothing", () => expect(tokenizer.encode("")).toEqual([]));
  test("reads special tokens in the text", () => expect(tokenizer.encode("a<|endoftext|>")).toEqual([0x61, end]));

  test("a text that the vocabulary cannot write is an error that names the part", () => {
    const words = createTokenizer({ ...json, pre_tokenizer: null, model: { vocab: { a: 0 } } });
    expect(words.encode("a")).toEqual([0]);
    expect(() => words.encode("b")).toThrow(expect.objectContaining({ code: "ERR_UNKNOWN_TEXT" }));
    expect(() => words.encode("b")).toThrow('no token for "b"');
  });
});

describe("encodePrompt", () => {
  const prompt = (config?: object) => createTokenizer(json, config).encodePrompt("a");

  test("begins with the start token where the config says so", () => {
    expect(prompt({ add_bos_token: true, bos_token: "<|endoftext|>" })).toEqual([end, 0x61]);
  });
  test("is the text alone where it does not", () => {
    expect(prompt()).toEqual([0x61]);
    expect(prompt({ bos_token: "<|endoftext|>" })).toEqual([0x61]);
    expect(prompt({ bos_token: "<|endoftext|>", add_bos_token: false })).toEqual([0x61]);
  });
});

describe("start and end", () => {
  test("nothing said: the end is <|endoftext|>", () => {
    const tokenizer = createTokenizer(json);
    expect(tokenizer).toMatchObject({ addBosToken: false, endTokenId: end });
    expect(tokenizer.bosToken ?? tokenizer.bosTokenId ?? tokenizer.eosToken ?? tokenizer.eosTokenId).toBeUndefined();
  });
  test("nothing said, and no <|endoftext|>: there is no end", () => {
    expect(createTokenizer({ ...json, added_tokens: [] }).endTokenId).toBeUndefined();
  });
  test.each([
    ["text", "▁été"],
    ["an object", { content: "▁été", lstrip: false }],
  ])("eos_token as %s", (_, token) => {
    expect(createTokenizer(json, { eos_token: token })).toMatchObject({
      eosToken: "▁été",
      eosTokenId: 262,
      endTokenId: 262,
    });
  });
  test("null is nothing said", () => {
    expect(createTokenizer(json, { eos_token: null, bos_token: null, add_bos_token: null }).endTokenId).toBe(end);
  });
});

describe("vocabulary", () => {
  const tokenizer = createTokenizer(json);

  test("its size is the highest id + 1, whatever ids are left out", () => expect(tokenizer.vocabSize).toBe(265));
  test("looks up both ways", () => {
    expect(tokenizer.tokenToId("<|endoftext|>")).toBe(end);
    expect(tokenizer.idToToken(end)).toBe("<|endoftext|>");
    expect(tokenizer.tokenToId("nowhere")).toBeUndefined();
    expect(tokenizer.idToToken(263)).toBeUndefined();
    expect(tokenizer.idToToken(9_999)).toBeUndefined();
  });
});

describe("decode", () => {
  const tokenizer = createTokenizer(json, {
    clean_up_tokenization_spaces: true,
    additional_special_tokens: [{ content: "  " }],
  });
  const ids = (text: string) => tokenizer.encode(text);

  test("of nothing is nothing", () => expect(tokenizer.decode([])).toBe(""));
  test("takes any iterable", () => expect(tokenizer.decode(Uint32Array.of(0x61, 0x62))).toBe("ab"));
  test("cleans nothing up, whatever the config says", () => {
    expect(tokenizer.decode(ids("He did n't , he 's here ."))).toBe("He did n't , he 's here .");
  });
  test("leaves special tokens out only when asked to", () => {
    const text = "a<|endoftext|>b  c";
    expect(tokenizer.decode(ids(text))).toBe(text);
    expect(tokenizer.decode(ids(text), { skipSpecialTokens: true })).toBe("abc");
  });
  test("an id that the vocabulary leaves out or does not reach gives no text", () => {
    expect(tokenizer.decode([0x61, 263, 50_303, 0x62])).toBe("ab");
  });
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])("%d is no id", (id) => {
    expect(() => tokenizer.decode([id])).toThrow(expect.objectContaining({ code: "ERR_TOKEN_ID" }));
  });
});
