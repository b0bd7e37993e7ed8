import { expect, test } from "vitest";
import { patternCost } from "./pattern-cost.ts";

/** What `tokenizer.json` files of known models cut texts with. */
const KNOWN: readonly string[] = [
  // GPT-2
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  // cl100k, Llama 3, Qwen 2
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // o200k
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // DeepSeek
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // BLOOM
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
  // digits in threes from the right
  "(?<=\\d)(?=(?:\\d{3})+(?!\\d))",
];

test.each(KNOWN)("%s may be used", (pattern) => {
  expect(patternCost(pattern)).toBeLessThan(1 << 22);
});

test.each([
  ["abc", 1],
  ["a?b?", 4],
  ["(a|b|c)(a|b)", 6],
  ["a*", 257],
  ["a+?", 257],
  ["a++", 257],
  ["a{2}", 1],
  ["a{2,5}", 4],
  ["a{,3}", 4],
  ["(?:a{3})+", 257],
  ["a|b*", 258],
  ["[a+[b+]]*", 257],
  ["[]+]*", 257],
  ["\\(a\\)*", 257],
  ["\\p{L}*", 257],
  ["{a}", 1],
  ["a*b*", 257 ** 2],
])("%s is tried in %d ways", (pattern, ways) => {
  expect(patternCost(pattern)).toBe(ways);
});

test.each([
  "(a+)+$",
  "(a|aa)*b",
  "(a*)*",
  "(?:a?){2,}",
  "a{1,2}+",
  "(?=(a+)+)",
  "((a{1,30}){1,30})",
  "(",
  ")",
  "(".repeat(9999),
])("%s has no end", (pattern) => {
  expect(patternCost(pattern)).toBe(Number.POSITIVE_INFINITY);
});
