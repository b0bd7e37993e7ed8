import * as library from "@huggingface/tokenizers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteFallbackTokenizer, byteLevelTokenizer, REPLACEMENT, wordTokenizer } from "../fixtures/tiny-tokenizers.ts";
import { createTokenizer, type Tokenizer } from "./index.ts";

const RUNS = { seed: 20_240_201, numRuns: 400 } as const;

const strip = (start: number, stop: number) => ({ type: "Strip", content: " ", start, stop });
const sequence = (...decoders: object[]) => ({ type: "Sequence", decoders });
const replace = { type: "Replace", pattern: { String: "▁" }, content: " " };

/** Each way a decoder may depend on what came before or comes after. `whole`: text is certain only at the end. */
const tokenizers: { name: string; json: object; whole?: boolean }[] = [
  { name: "byte level", json: byteLevelTokenizer() },
  { name: "byte fallback", json: byteFallbackTokenizer() },
  { name: "Metaspace", json: wordTokenizer({ type: "Metaspace", replacement: "▁" }) },
  { name: "WordPiece", json: wordTokenizer({ type: "WordPiece", prefix: "##", cleanup: true }) },
  { name: "no decoder", json: wordTokenizer(null) },
  { name: "Strip of each token", json: wordTokenizer(sequence(replace, strip(1, 1))) },
  { name: "Strip of the text", json: wordTokenizer(sequence(replace, { type: "Fuse" }, strip(2, 3))) },
  { name: "Replace of the text", json: wordTokenizer(sequence({ type: "Fuse" }, replace)), whole: true },
  { name: "BPEDecoder", json: wordTokenizer({ type: "BPEDecoder", suffix: "</w>" }), whole: true },
  {
    name: "a suffix that ends words",
    json: wordTokenizer(
      { type: "BPEDecoder", suffix: "</w>" },
      { type: "BPE", vocab: { "a</w>": 0, b: 1, "</": 2, "w>": 3 }, merges: [], end_of_word_suffix: "</w>" },
    ),
    whole: true,
  },
  { name: "CTC", json: wordTokenizer({ type: "CTC", pad_token: "▁", word_delimiter_token: "b" }), whole: true },
];

/** Ids in an order a model might choose: any, those of single bytes more often than their number, some that do not exist. */
function anyIds(tokenizer: Tokenizer) {
  const id = fc.oneof(fc.nat(tokenizer.vocabSize + 2), fc.integer({ min: 0x80, max: 0xff }));
  return fc.array(id, { maxLength: 40 });
}

function streamed(tokenizer: Tokenizer, ids: readonly number[], options?: { skipSpecialTokens: boolean }) {
  const stream = tokenizer.stream(options);
  const pieces = ids.map((id) => stream.push(id));
  return { pieces, text: pieces.join("") + stream.flush() };
}

describe.each(tokenizers)("$name", ({ json, whole = false }) => {
  const tokenizer = createTokenizer(json);
  const original = new library.Tokenizer(json, {}) as unknown as {
    decode(ids: number[], options: object): string;
  };

  test("streamed text is decoded text, for any ids", () => {
    fc.assert(
      fc.property(anyIds(tokenizer), fc.boolean(), (ids, skipSpecialTokens) => {
        expect(streamed(tokenizer, ids, { skipSpecialTokens }).text).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
      }),
      RUNS,
    );
  });

  test("decoded text is what the library decodes at once", () => {
    fc.assert(
      fc.property(anyIds(tokenizer), (ids) => {
        // The library stumbles over ids that do not exist.
        const known = ids.filter((id) => tokenizer.idToToken(id) !== undefined);
        fc.pre(known.length > 0);
        expect(tokenizer.decode(known)).toBe(original.decode(known, { clean_up_tokenization_spaces: false }));
      }),
      RUNS,
    );
  });

  test(whole ? "gives its text at the end" : "gives text as it becomes certain", () => {
    const ids = ["b", "b", "b"].map((token) => tokenizer.tokenToId(token)!);
    expect(streamed(tokenizer, ids).pieces.some((piece) => piece !== "")).toBe(!whole);
  });
});

describe("characters", () => {
  const byteLevel = createTokenizer(byteLevelTokenizer());
  const bytes = (text: string) => [...new TextEncoder().encode(text)];

  test("come whole, as soon as their last byte is there", () => {
    const { pieces, text } = streamed(byteLevel, bytes("aé→🐍b"));
    expect(pieces).toEqual(["a", "", "é", "", "", "→", "", "", "", "🐍", "b"]);
    expect(text).toBe("aé→🐍b");
  });

  test("of any text: what was given is a beginning of it, whole characters only", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (expected) => {
        const stream = byteLevel.stream();
        let given = "";
        for (const id of bytes(expected)) {
          given += stream.push(id);
          expect(expected.startsWith(given)).toBe(true);
          expect(given).not.toMatch(/\p{Surrogate}/u);
        }
        // Nothing is held back beyond the last character.
        expect(given).toBe(expected);
        expect(stream.flush()).toBe("");
      }),
      RUNS,
    );
  });

  test("that are U+FFFD in the vocabulary are text, not damage", () => {
    const word = byteLevel.tokenToId("ï¿½")!;
    const added = byteLevel.tokenToId(REPLACEMENT)!;
    expect(byteLevel.stream().push(word)).toBe(REPLACEMENT);
    expect(byteLevel.stream().push(added)).toBe(REPLACEMENT);
  });

  test("that stay unfinished become U+FFFD at the end, at an added token or at the next character", () => {
    const [first, second] = bytes("🐍") as [number, number];
    const end = byteLevel.tokenToId("<|endoftext|>")!;
    expect(streamed(byteLevel, [first, second])).toEqual({ pieces: ["", ""], text: REPLACEMENT });
    expect(streamed(byteLevel, [first, end]).pieces).toEqual(["", `${REPLACEMENT}<|endoftext|>`]);
    expect(streamed(byteLevel, [first, 0x61]).pieces).toEqual(["", `${REPLACEMENT}a`]);
  });

  test("U+FEFF is kept wherever it stands", () => {
    expect(byteLevel.decode(bytes("\u{FEFF}a\u{FEFF}"))).toBe("\u{FEFF}a\u{FEFF}");
    expect(createTokenizer(byteFallbackTokenizer()).decode(bytes("\u{FEFF}a"))).toBe("\u{FEFF}a");
  });

  test("added tokens are text also where the byte level is a part of a sequence", () => {
    const json = { ...byteLevelTokenizer(), decoder: sequence({ type: "ByteLevel" }, { type: "Fuse" }) };
    const tokenizer = createTokenizer(json);
    expect(tokenizer.decode([0x61, tokenizer.tokenToId("▁été")!])).toBe("a▁été");
  });
});

test("a long stream costs no more per id than a short one", () => {
  // A quarter of a million bytes that are no characters: decoding from the start each time would take hours.
  const stream = createTokenizer(byteLevelTokenizer()).stream();
  let length = 0;
  for (let index = 0; index < 250_000; index += 1) length += stream.push(0x80).length;
  expect(length + stream.flush().length).toBe(250_000);
});
