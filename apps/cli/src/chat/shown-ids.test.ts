import { expect, test } from "vitest";
import { shownIds } from "./shown-ids.ts";

/** Ids 0 to 4 are these; 5 and 6 are the two bytes of é. Other text is spelled in letters, from 100 on. */
const WORDS = ["Once", " upon", " a", " time", "."];
const codec = {
  decode(ids: Iterable<number>): string {
    const bytes: number[] = [];
    for (const id of ids) {
      if (id === 5) bytes.push(0xc3);
      else if (id === 6) bytes.push(0xa9);
      else bytes.push(...new TextEncoder().encode(WORDS[id] ?? String.fromCharCode(id - 100)));
    }
    return new TextDecoder().decode(Uint8Array.from(bytes));
  },
  encode: (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0) + 100),
};
const letters = (text: string) => codec.encode(text);
const token = (id: number, text: string) => ({ id, text });

test("whole tokens are themselves", () => {
  expect(shownIds([], codec)).toEqual([]);
  expect(shownIds([token(0, "Once"), token(1, " upon")], codec)).toEqual([0, 1]);
  expect(shownIds([token(5, ""), token(6, "é")], codec)).toEqual([5, 6]);
});

test("a token that was cut off is spelled as far as it was shown", () => {
  expect(shownIds([token(0, "Once"), token(1, " up")], codec)).toEqual([0, ...letters(" up")]);
  expect(shownIds([token(0, "O")], codec)).toEqual(letters("O"));
});

test("half a character at the end is none", () => {
  expect(shownIds([token(0, "Once"), token(5, "")], codec)).toEqual([0]);
  expect(shownIds([token(5, "")], codec)).toEqual([]);
});

test("where tokens do not add up to the text, the text is what counts", () => {
  expect(shownIds([token(0, "On"), token(1, "e")], codec)).toEqual(letters("One"));
});
