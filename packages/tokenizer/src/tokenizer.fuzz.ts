import {
  damageBytes,
  damagedJson,
  type FuzzTarget,
  hostileJson,
  hostileNumber,
  hostileText,
  type Random,
} from "@blackmamba/testing/fuzz";
import { TokenizerError } from "./errors.ts";
import { createTokenizer } from "./tokenizer.ts";

/** Short, and of what patterns stumble over: one letter many times, spaces, characters that grow when they are normalised. */
const TEXTS = [
  "",
  "the cat's  hat.\n\n 1234 <s>",
  `${"a".repeat(60)}!`,
  `${"aA \t".repeat(16)}\u{fdfa}\u0130\u00e9\u{1f40d}\ud800`,
];

const ids = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));
const LETTERS = [
  "a",
  "b",
  "t",
  "h",
  "e",
  "\u0120",
  "!",
  "1",
  "th",
  "\u0120the",
  "aa",
  "<s>",
  "__proto__",
  "<0x41>",
  "\u2581",
];

const MODELS = [
  {
    type: "BPE",
    vocab: ids(LETTERS),
    merges: ["t h", "a a"],
    unk_token: null,
    byte_fallback: true,
    ignore_merges: false,
  },
  {
    type: "BPE",
    vocab: ids(LETTERS),
    merges: [["t", "h"]],
    unk_token: "a",
    fuse_unk: true,
    end_of_word_suffix: "</w>",
  },
  { type: "WordPiece", vocab: ids([...LETTERS, "##a"]), unk_token: "a", continuing_subword_prefix: "##" },
  { type: "Unigram", unk_id: 0, vocab: LETTERS.map((token, id) => [token, -id]) },
];

const PATTERNS = [
  ...[
    "\\s+",
    "\\p{L}+",
    "(a+)+$",
    "(a|a)*b",
    "(a|aa)+!",
    "a*a*a*a*a*b",
    "(?:a?){40}a{40}",
    "(.*)*",
    "((a{1,30}){1,30}){1,30}",
  ],
  ...[
    "",
    "(",
    "[",
    "a{2}+",
    "\\",
    "(?=a*)*",
    "(?<=(a+)+)b",
    "(a*)*\\1",
    "[^\\r\\n]*?$",
    "(\\p{L}+|\\s)+x",
    " ?[^\\s]+",
  ],
];

/** A pattern of repetitions, groups and alternatives in any order. */
function anyPattern(random: Random, depth = 0): string {
  const atom = (): string => {
    const kind = random.below(depth > 2 ? 4 : 7);
    if (kind < 2) return random.pick(["a", "b", "."]);
    if (kind === 2) return random.pick(["\\w", "\\p{L}", "[^b]", "[ab]", "[a&&[^b]]", "\\b", "\\1", "^", "$"]);
    if (kind === 3) return random.pick(["a?", "a*?", "a{2}", "a{1,3}", "a++", "[]a]", "[^]a]", "\\x{61}", "{", "]"]);
    return `${random.pick(["(", "(?:", "(?=", "(?!", "(?>", "(?i:"])}${anyPattern(random, depth + 1)})`;
  };
  const part = () => atom() + random.pick(["", "", "*", "+", "?", "+?", "*+", "{2}", "{1,}", "{,9}", "{2}+", "{30}"]);
  return random.list(1, 2, () => random.list(1, 4, part).join("")).join("|");
}

/** A tokenizer whose steps are of any kind, in any order, and do anything. */
function made(random: Random): object {
  const pattern = () =>
    random.pick([
      { Regex: random.chance(0.5) ? random.pick(PATTERNS) : anyPattern(random) },
      { String: random.pick(["a", " ", "", "\u2581", hostileText(random)]) },
    ]);
  const content = () =>
    random.pick(["", "a", " ", "aa", "\u2581", "$&$&", "$`$'", "x".repeat(1000), hostileText(random)]);
  const flag = () => random.chance(0.5);
  const replace = () => ({ type: "Replace", pattern: pattern(), content: content() });
  /** The same step many times over, or steps within steps: what grows a little grows without end. */
  const sequence = (key: string, step: (depth: number) => unknown, depth: number): object => {
    if (random.chance(0.2)) return { type: "Sequence", [key]: new Array(random.pick([2, 40, 300])).fill(step(9)) };
    return { type: "Sequence", [key]: random.list(0, 4, () => step(depth + 1)) };
  };
  const normalizer = (depth = 0): unknown => {
    const type = random.pick([
      "NFC",
      "NFD",
      "NFKC",
      "NFKD",
      "Lowercase",
      "Strip",
      "StripAccents",
      "Precompiled",
      "Morse",
    ]);
    return random.pick([
      () => ({ type, strip_left: flag(), strip_right: flag() }),
      replace,
      () => ({ type: "Prepend", prepend: content() }),
      () => ({ type: "BertNormalizer", clean_text: flag(), handle_chinese_chars: flag(), lowercase: flag() }),
      () => (depth < 3 ? sequence("normalizers", normalizer, depth) : replace()),
    ])();
  };
  const preTokenizer = (depth = 0): unknown => {
    const type = random.pick(["Whitespace", "WhitespaceSplit", "BertPreTokenizer", "Punctuation", "Morse"]);
    return random.pick([
      () => ({ type }),
      () => ({ type: "ByteLevel", add_prefix_space: flag(), use_regex: flag() }),
      () => ({ type: "Split", pattern: pattern(), behavior: random.pick(["Isolated", "Removed"]), invert: flag() }),
      () => ({ type: "Digits", individual_digits: flag() }),
      () => ({
        type: "Metaspace",
        replacement: content(),
        str_rep: content(),
        prepend_scheme: random.pick(["always", "first"]),
      }),
      () => ({ type: "FixedLength", length: hostileNumber(random) }),
      replace,
      () => (depth < 3 ? sequence("pretokenizers", preTokenizer, depth) : replace()),
    ])();
  };
  const decoder = (depth = 0): unknown => {
    const type = random.pick([
      "ByteLevel",
      "ByteFallback",
      "Fuse",
      "Metaspace",
      "BPEDecoder",
      "CTC",
      "WordPiece",
      "Morse",
    ]);
    return random.pick([
      () => ({ type, prefix: content(), suffix: content(), cleanup: flag() }),
      replace,
      () => ({ type: "Strip", content: content(), start: hostileNumber(random), stop: hostileNumber(random) }),
      () => (depth < 3 ? sequence("decoders", decoder, depth) : replace()),
    ])();
  };
  const postProcessor = (depth = 0): unknown => {
    const twice = [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }];
    return random.pick([
      () => ({ type: "TemplateProcessing", single: twice, pair: [] }),
      () => ({ type: random.pick(["ByteLevel", "BertProcessing", "RobertaProcessing"]) }),
      () => (depth < 3 ? sequence("processors", postProcessor, depth) : { type: "ByteLevel" }),
    ])();
  };
  const step = (make: () => unknown) => (random.chance(0.5) ? null : make());
  return {
    added_tokens: random.list(0, 3, () => ({
      id: random.chance(0.8) ? random.below(30) : hostileNumber(random),
      content: random.pick(["<s>", "a", "aaa", content()]),
      special: flag(),
      ...(flag() ? { lstrip: flag(), rstrip: flag(), normalized: flag() } : {}),
    })),
    normalizer: step(normalizer),
    pre_tokenizer: step(preTokenizer),
    post_processor: step(postProcessor),
    decoder: step(decoder),
    model: random.pick(MODELS),
  };
}

function make(random: Random): Uint8Array {
  const json = made(random);
  const kind = random.below(10);
  const text = kind < 4 ? JSON.stringify(json) : kind < 9 ? damagedJson(random, json) : hostileJson(random);
  const file = new TextEncoder().encode(text);
  return kind === 8 ? damageBytes(random, file) : file;
}

export const target: FuzzTarget = {
  name: "tokenizer",
  files: 10_000,
  make,
  async read(file) {
    const tokenizer = createTokenizer(file);
    for (const text of TEXTS) {
      const encoded = tokenizer.encode(text);
      if (!encoded.every((id) => Number.isSafeInteger(id) && id >= 0)) throw new Error(`ids ${encoded}`);
      const stream = tokenizer.stream();
      const pieces = [...encoded.map((id) => stream.push(id)), stream.flush()];
      if (pieces.join("") !== tokenizer.decode(encoded)) throw new Error("a stream that is not what decode gives");
    }
    tokenizer.decode([0, 1, 2, 30, 2 ** 31, 2 ** 53 - 1], { skipSpecialTokens: true });
    if (!Number.isSafeInteger(tokenizer.vocabSize)) throw new Error(`a vocabulary of ${tokenizer.vocabSize}`);
  },
  refusals: [TokenizerError],
  outcomes: ["read", "ERR_TOKENIZER_FILE", "ERR_UNKNOWN_TEXT"],
};
