/**
 * White space as Python has it, for whose figures ours have to be: `str.isspace`, and `\s` in patterns of `re`. JavaScript's `\s` lacks
 * U+001C to U+001F and U+0085, and has U+FEFF instead.
 */
const WHITE_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const BETWEEN_WORDS = new RegExp(`[${WHITE_SPACE}]+`);
const AT_END = new RegExp(`[${WHITE_SPACE}]+$`);

/** Length of a text without the white space at its end. */
export function lengthBeforeWhiteSpace(text: string): number {
  return AT_END.exec(text)?.index ?? text.length;
}

/**
 * Words of a text: the pieces between white space. White space at an end of the text has an empty piece beyond it, which counts, as in
 * lm-evaluation-harness, `lm_eval/tasks/wikitext/preprocess_wikitext.py`.
 */
export function countWords(text: string): number {
  return text.split(BETWEEN_WORDS).length;
}
