/** White space as Python has it: what `re.split(r"\s+", text)` and `str.rstrip()` give there. */
import { expect, test } from "vitest";
import { countWords, lengthBeforeWhiteSpace } from "./white-space.ts";

/** All characters for which Python's `str.isspace()` holds, of the first 65,536. */
const PYTHON_SPACES = [
  ...[0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680],
  ...[0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
];

test("is what Python says it is", () => {
  for (let code = 0; code < 0x10000; code++) {
    const is = PYTHON_SPACES.includes(code);
    expect(countWords(`a${String.fromCharCode(code)}b`), `U+${code.toString(16)}`).toBe(is ? 2 : 1);
    expect(lengthBeforeWhiteSpace(`a${String.fromCharCode(code)}`), `U+${code.toString(16)}`).toBe(is ? 1 : 2);
  }
});

test("words are the pieces between it, also the empty ones at the ends", () => {
  expect(countWords("The dog  was\n\nhere")).toBe(4);
  expect(countWords(" = Title = \n")).toBe(5);
  expect(countWords("")).toBe(1);
});

test("only the white space at the end is left out", () => {
  expect(lengthBeforeWhiteSpace(" a b \n ")).toBe(4);
  expect(lengthBeforeWhiteSpace(" \n")).toBe(0);
  expect(lengthBeforeWhiteSpace("")).toBe(0);
});
