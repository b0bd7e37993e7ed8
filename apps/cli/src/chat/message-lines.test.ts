import { expect, test } from "vitest";
import { MessageLines } from "./message-lines.ts";

/** What each line ends, and what the end of all does. */
function messages(...entries: string[]) {
  const lines = new MessageLines();
  const ended = entries.map((entry) => lines.push(entry));
  return [...ended, lines.end()].filter((message) => message !== undefined);
}

const plain = (text: string) => ({ text, isLiteral: false });
const literal = (text: string) => ({ text, isLiteral: true });

test("a line is a message as it is", () => {
  expect(messages("Once", "  upon a \\ time ", "", "/help")).toEqual(
    ["Once", "  upon a \\ time ", "", "/help"].map(plain),
  );
});

test("a backslash at the end goes on, and two are one", () => {
  expect(messages("a\\", "b\\", "c", "d")).toEqual([literal("a\nb\nc"), plain("d")]);
  expect(messages("\\", "/etc")).toEqual([literal("\n/etc")]);
  expect(messages("C:\\\\")).toEqual([plain("C:\\")]);
  expect(messages("a\\", "b\\\\")).toEqual([literal("a\nb\\")]);
});

test("between quotes nothing is changed", () => {
  expect(messages('"""Once', "", " upon\\", '/a""" time"""')).toEqual([literal('Once\n\n upon\\\n/a""" time')]);
  expect(messages('"""/etc is a folder"""', '"""', "x", '"""')).toEqual([
    literal("/etc is a folder"),
    literal("\nx\n"),
  ]);
  expect(messages('""""""')).toEqual([literal("")]);
  expect(messages('"""', '"""')).toEqual([literal("\n")]);
});

test("what was pasted at once is one message", () => {
  expect(messages("/a\nb\\\nc")).toEqual([literal("/a\nb\\\nc")]);
  expect(messages('"""x', 'a\nb"""')).toEqual([literal("x\na\nb")]);
});

test("the end of all ends a line that was to go on, and refuses open quotes", () => {
  expect(messages("a\\")).toEqual([plain("a")]);
  expect(messages("a\\", "b\\")).toEqual([literal("a\nb")]);
  expect(() => messages('"""a')).toThrow('expected """ at the end of a text that begins with it, found no more lines');
});

test("what is open can be taken back", () => {
  const lines = new MessageLines();
  for (const begun of ["a\\", '"""a']) {
    lines.push(begun);
    expect(lines.isOpen).toBe(true);
    lines.clear();
    expect(lines.isOpen).toBe(false);
    expect(lines.push("b")).toEqual(plain("b"));
  }
});
