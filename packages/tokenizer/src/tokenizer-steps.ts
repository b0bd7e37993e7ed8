/**
 * Checks the steps of a `tokenizer.json` (normaliser, pre-tokeniser, decoder) for what the library beneath would stumble over: settings
 * of another type, steps without number, and patterns that search without end. Not here: how much steps may make of a text, see
 * `growth-limit.ts`.
 */
import { TokenizerFileError } from "./errors.ts";
import { isObject, type JsonObject, kindOf } from "./json-input.ts";
import { patternCost } from "./pattern-cost.ts";

/** Several times those of any real tokenizer. */
const [MAX_STEPS, MAX_DEPTH] = [64, 8];

/** Longest text of a setting or a token, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 256;

/** Longest pattern: those that spell out ranges of characters have some hundred. */
const MAX_PATTERN_LENGTH = 4096;

/** Ways to try all patterns of a file at one place of a text. The largest known pattern, o200k's of GPT-4o, has half as many. */
const MAX_PATTERN_COST = 1 << 22;

/** Where steps hold steps. */
const LISTS = ["normalizers", "pretokenizers", "decoders"];

const TEXTS = [
  ...["content", "replacement", "str_rep", "prepend_scheme", "prefix", "suffix", "pad_token", "word_delimiter_token"],
  ...["behavior", "prepend"],
];
const FLAGS = [
  ...["add_prefix_space", "trim_offsets", "use_regex", "individual_digits", "invert", "cleanup", "strip_left"],
  ...["strip_right", "clean_text", "handle_chinese_chars", "lowercase", "strip_accents"],
];

/**
 * Checks one of the file's steps and those within it.
 *
 * @param where - names it in errors
 * @returns what its patterns cost together, see `patternCost`
 * @throws TokenizerFileError
 */
export function checkSteps(root: JsonObject, where: string): number {
  let steps = 0;
  let cost = 0;
  const check = (step: unknown, at: string, depth: number) => {
    if (!isObject(step)) throw new TokenizerFileError(`expected "${at}" to be an object, found ${kindOf(step)}`);
    steps++;
    if (steps > MAX_STEPS || depth > MAX_DEPTH) {
      throw new TokenizerFileError(
        `"${where}": expected at most ${MAX_STEPS} steps, at most ${MAX_DEPTH} within each other`,
      );
    }
    checkSettings(step, at);
    cost += costOf(step, at);
    for (const key of LISTS) {
      const list = step[key] ?? [];
      if (!Array.isArray(list)) {
        throw new TokenizerFileError(`expected "${at}.${key}" to be an array, found ${kindOf(list)}`);
      }
      for (const [index, inner] of list.entries()) check(inner, `${at}.${key}[${index}]`, depth + 1);
    }
  };
  check(root, where, 1);
  if (cost > MAX_PATTERN_COST) {
    throw new TokenizerFileError(
      `"${where}": expected patterns that search no longer than a text's length cubed, found more repetitions in a row, or within each other`,
    );
  }
  return cost;
}

/** Throws unless these settings are texts, where they are there; `null` is none. */
export function checkTexts(settings: JsonObject, keys: readonly string[], at: string): void {
  for (const key of keys) {
    const value = settings[key] ?? "";
    if (typeof value === "string" && value.length <= MAX_TEXT_LENGTH) continue;
    const found = typeof value === "string" ? `one of ${value.length}` : kindOf(value);
    throw new TokenizerFileError(
      `expected "${at}.${key}" to be a text of at most ${MAX_TEXT_LENGTH} characters, found ${found}`,
    );
  }
}

/** Throws unless these settings are true or false, where they are there; `null` is none. */
export function checkFlags(settings: JsonObject, keys: readonly string[], at: string): void {
  for (const key of keys) {
    const value = settings[key] ?? false;
    if (typeof value === "boolean") continue;
    throw new TokenizerFileError(`expected "${at}.${key}" to be true or false, found ${kindOf(value)}`);
  }
}

/** Throws unless the setting is a whole number within bounds, where it is there; `null` is none. */
export function checkCount(settings: JsonObject, key: string, least: number, most: number, at: string): void {
  const value = settings[key] ?? least;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
  throw new TokenizerFileError(
    `expected "${at}.${key}" to be a whole number from ${least} to ${most}, found ${kindOf(value)}`,
  );
}

function checkSettings(step: JsonObject, at: string): void {
  checkTexts(step, TEXTS, at);
  checkFlags(step, FLAGS, at);
  checkCount(step, "start", 0, MAX_TEXT_LENGTH, at);
  checkCount(step, "stop", 0, MAX_TEXT_LENGTH, at);
  // A step of no length would never come to an end.
  if (step["type"] === "FixedLength") checkCount({ length: step["length"] ?? 0 }, "length", 1, 1 << 20, at);
  // JavaScript would put what was found in the place of these, and what stands before or behind it.
  if (step["type"] === "Replace" && /\$[$&`'<\d]/.test(String(step["content"] ?? ""))) {
    throw new TokenizerFileError(`expected "${at}.content" without $ before one of $ & \` ' < or a digit, found one`);
  }
}

/** What a step's pattern costs. */
function costOf(step: JsonObject, at: string): number {
  if (step["type"] !== "Replace" && step["type"] !== "Split") return 0;
  const pattern = step["pattern"];
  const { Regex: expression, String: text } = isObject(pattern) ? pattern : {};
  if (typeof expression === "string" && expression.length <= MAX_PATTERN_LENGTH) return patternCost(expression);
  if (expression === undefined && typeof text === "string" && text.length <= MAX_TEXT_LENGTH) return 1;
  throw new TokenizerFileError(
    `expected "${at}.pattern" to have a text "Regex" or "String" of at most ${MAX_PATTERN_LENGTH} characters, found neither`,
  );
}
