import { expect, test } from "vitest";
import { createByteTokenizer } from "./byte-tokenizer.ts";
import { TokenIdError } from "./errors.ts";

const tokenizer = createByteTokenizer();

test.each(["", "Once upon a time", "Zwölf Boxkämpfer", "日本語 🐍", "\uFEFFmarked", "a\u0000b\r\n"])(
  "%o comes back, whole and byte by byte",
  (text) => {
    const ids = tokenizer.encode(text);
    expect(ids).toEqual([...new TextEncoder().encode(text)]);
    expect(tokenizer.encodePrompt(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
    const stream = tokenizer.stream();
    expect(ids.map((id) => stream.push(id)).join("") + stream.flush()).toBe(text);
  },
);

test("half a character is held back", () => {
  const stream = tokenizer.stream();
  expect([0xc3, 0xbc, 0x41, 0xf0, 0x9f].map((id) => stream.push(id))).toEqual(["", "ü", "A", "", ""]);
  expect(stream.flush()).toBe("\uFFFD");
  expect(tokenizer.decode([0x41, 0xff, 0x42])).toBe("A\uFFFDB");
});

test("ids beyond the bytes give no text, and what is no id is refused", () => {
  expect(tokenizer.decode([0x41, 256, 263])).toBe("A");
  expect(() => tokenizer.decode([-1])).toThrow(TokenIdError);
  expect(() => tokenizer.decode([1.5])).toThrow(TokenIdError);
});

test("tokens are written as bytes", () => {
  expect(tokenizer.idToToken(10)).toBe("<0x0A>");
  expect(tokenizer.tokenToId("<0x0A>")).toBe(10);
  expect(tokenizer.idToToken(256)).toBeUndefined();
  expect(["A", "<0x0a>", "<0x100>"].map((token) => tokenizer.tokenToId(token))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
