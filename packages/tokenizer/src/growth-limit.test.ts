import { expect, test } from "vitest";
import { byteLevelTokenizer } from "../fixtures/tiny-tokenizers.ts";
import { createTokenizer } from "./tokenizer.ts";

const json = byteLevelTokenizer();
const many = <T>(step: T) => new Array<T>(40).fill(step);
const double = { type: "Replace", pattern: { String: "a" }, content: "aa" };
const refusal = expect.objectContaining({ code: "ERR_TOKENIZER_FILE", message: expect.stringContaining("at most") });

test("a normaliser may not double a text time and again", () => {
  const tokenizer = createTokenizer({ ...json, normalizer: { type: "Sequence", normalizers: many(double) } });
  expect(() => tokenizer.encode("a")).toThrow(refusal);
  expect(tokenizer.encode("b")).toEqual([0x62]);
});

test("nor an added token, while it is made", () => {
  const normalizer = { type: "Sequence", normalizers: many(double) };
  const added_tokens = [{ id: 260, content: "a", special: false }];
  expect(() => createTokenizer({ ...json, normalizer, added_tokens })).toThrow(refusal);
});

test("nor a pre-tokeniser", () => {
  const step = { type: "ByteLevel", use_regex: false };
  const tokenizer = createTokenizer({ ...json, pre_tokenizer: { type: "Sequence", pretokenizers: many(step) } });
  expect(() => tokenizer.encode("\u00e9")).toThrow(refusal);
});

test("nor a decoder, in one go or token by token", () => {
  const decoder = { type: "Sequence", decoders: many(double) };
  for (const own of [decoder, { ...decoder, decoders: [{ type: "Fuse" }, ...decoder.decoders] }]) {
    expect(() => createTokenizer({ ...json, decoder: own }).decode([0x61])).toThrow(refusal);
  }
});

test("what grows as Unicode makes it does not meet the limit", () => {
  const tokenizer = createTokenizer({ ...json, normalizer: { type: "NFKC" } });
  // One character that is written out as eighteen.
  expect(tokenizer.decode(tokenizer.encode("\u{fdfa}".repeat(5000)))).toBe("\u{fdfa}".normalize("NFKC").repeat(5000));
});
