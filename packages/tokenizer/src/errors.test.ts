import { describe, expect, test } from "vitest";
import { byteLevelTokenizer } from "../fixtures/tiny-tokenizers.ts";
import { createTokenizer, TokenizerError } from "./index.ts";

const json = byteLevelTokenizer();
const text = JSON.stringify(json);
const model = (change: object) => ({ ...json, model: { ...json.model, ...change } });

/** One line, from the class of the mistake. */
function expectError(run: () => unknown, code: string, message: string): void {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(TokenizerError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  expect((error as TokenizerError).message).not.toContain("\n");
}

describe("tokenizer.json", () => {
  test.each<[string, unknown, string]>([
    ["nothing", undefined, "expected an object, found nothing"],
    ["an array", [], "expected an object, found an array"],
    ["an empty file", "", "expected JSON, found nothing"],
    ["a path", "models/tokenizer.json", "pass the file's contents, not its name"],
    ["a truncated file", text.slice(0, -20), `(${text.length - 20} characters in all)`],
    ["bytes that are no text", Uint8Array.of(0xff, 0xfe), "expected UTF-8 text"],
    ["another file", { hidden_size: 8 }, 'expected "model" to be an object, found nothing'],
    ["no vocabulary", model({ vocab: undefined }), 'expected "model.vocab"'],
    ["a negative id", model({ vocab: { a: -1 } }), 'model.vocab["a"] to be a whole number of 0 or more, found -1'],
    ["a fractional id", model({ vocab: { a: 0.5 } }), "found 0.5"],
    [
      "a list without scores",
      model({ type: "Unigram", vocab: ["a"] }),
      'model.vocab[0] to be [token, score], found "a"',
    ],
    ["no merges", model({ merges: undefined }), 'expected "model.merges" to be an array, found nothing'],
    ["added tokens of the wrong kind", { ...json, added_tokens: {} }, 'expected "added_tokens" to be an array'],
    ["an added token without an id", { ...json, added_tokens: [{ content: "a" }] }, "expected added_tokens[0]"],
    ["a decoder of the wrong kind", { ...json, decoder: "ByteLevel" }, 'expected "decoder" to be an object or null'],
    ["an unknown decoder", { ...json, decoder: { type: "Morse" } }, "Unknown Decoder type: Morse"],
    ["an unknown model", model({ type: "Abacus", vocab: null }), 'expected "model.vocab"'],
    ["an id beyond all vocabularies", model({ vocab: { a: 2 ** 32 } }), "whole number below 1000000, found 4294967296"],
    [
      "the list of another kind of model",
      model({ vocab: [["a", 0]] }),
      'expected "model.vocab" of a BPE to be an object',
    ],
    ["an empty list", model({ type: "Unigram", vocab: [] }), "to have 1 to 1000000 tokens, found 0"],
    ["a score that is none", model({ type: "Unigram", vocab: [["a", "0"]] }), "model.vocab[0] to be [token, score]"],
    ["an unknown token that is none", model({ unk_token: { toString: 1 } }), 'expected "model.unk_token" to be a text'],
    ["a merge of nothing", model({ merges: ["a b", 1] }), "expected model.merges[1] to be two tokens"],
    ["a merge of three", model({ merges: [["a", "b", "c"]] }), "expected model.merges[0] to be two tokens"],
    [
      "an added token beyond all",
      { ...json, added_tokens: [{ id: 2 ** 40, content: "a" }] },
      "added_tokens[0].id to be a whole number below 1000000",
    ],
    [
      "an added token that is deep",
      { ...json, added_tokens: [JSON.parse("[".repeat(100_000) + "]".repeat(100_000))] },
      "expected added_tokens[0] to have",
    ],
    [
      "an added token that is long",
      { ...json, added_tokens: [{ id: 1, content: "a".repeat(300) }] },
      "found one of 300",
    ],
    [
      "parts of no length",
      { ...json, pre_tokenizer: { type: "FixedLength", length: 0 } },
      "from 1 to 1048576, found 0",
    ],
    ["parts of any length", { ...json, pre_tokenizer: { type: "FixedLength", length: null } }, "from 1 to 1048576"],
    [
      "a text that is none",
      { ...json, normalizer: { type: "Prepend", prepend: { toString: 1 } } },
      'expected "normalizer.prepend" to be a text of at most 256 characters, found an object',
    ],
    ["a long text", { ...json, normalizer: { type: "Prepend", prepend: "a".repeat(257) } }, "found one of 257"],
    [
      "a step that is none",
      { ...json, decoder: { type: "Sequence", decoders: [{ type: "Fuse" }, null] } },
      'expected "decoder.decoders[1]" to be an object, found null',
    ],
    [
      "a pattern without end",
      { ...json, pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated" } },
      "found more repetitions in a row, or within each other",
    ],
    ["no pattern", { ...json, pre_tokenizer: { type: "Split" } }, 'expected "pre_tokenizer.pattern" to have'],
    [
      "a replacement that is a pattern to JavaScript",
      { ...json, normalizer: { type: "Replace", pattern: { String: "a" }, content: "$`$'" } },
      'expected "normalizer.content" without $',
    ],
    [
      "steps without number",
      { ...json, normalizer: { type: "Sequence", normalizers: Array(100).fill({ type: "NFC" }) } },
      "at most 64 steps",
    ],
    [
      "steps within steps",
      { ...json, normalizer: JSON.parse(`${'{"type":"Sequence","normalizers":['.repeat(9)}${"]}".repeat(9)}`) },
      "at most 8 within each other",
    ],
  ])("%s", (_, input, message) => {
    expectError(() => createTokenizer(input), "ERR_TOKENIZER_FILE", message);
  });
});

describe("tokenizer_config.json", () => {
  test.each<[string, unknown, string]>([
    ["a truncated file", '{"add_bos_token": tr', "expected JSON"],
    ["a list", [], "expected an object, found an array"],
    ["a text for a truth value", { add_bos_token: "yes" }, '"add_bos_token" to be true or false, found "yes"'],
    ["a start token asked for and not named", { add_bos_token: true }, '"bos_token" is missing'],
    ["a start token not in the vocabulary", { add_bos_token: true, bos_token: "<s>" }, '"bos_token" is "<s>"'],
    [
      "an end token not in the vocabulary",
      { eos_token: "</s>" },
      '"eos_token" is "</s>", which is not in the vocabulary',
    ],
    [
      "an end token of the wrong kind",
      { eos_token: 0 },
      '"eos_token" to be a text or an object with "content", found 0',
    ],
    [
      "special tokens of the wrong kind",
      { additional_special_tokens: "a" },
      '"additional_special_tokens" to be an array',
    ],
    ["a special token of the wrong kind", { additional_special_tokens: [1] }, '"additional_special_tokens[0]"'],
  ])("%s", (_, config, message) => {
    expectError(() => createTokenizer(json, config), "ERR_TOKENIZER_CONFIG", message);
  });
});

test("a post-processor is not asked: nothing is added", () => {
  const twice = {
    type: "TemplateProcessing",
    single: [{ Sequence: { id: "A" } }, { Sequence: { id: "A" } }],
    pair: [],
  };
  expect(createTokenizer({ ...json, post_processor: twice }).encode("hi")).toEqual([0x68, 0x69]);
});

test("token ids", () => {
  expectError(
    () => createTokenizer(json).stream().push(-1),
    "ERR_TOKEN_ID",
    "expected a whole number of 0 or more, found -1",
  );
});
