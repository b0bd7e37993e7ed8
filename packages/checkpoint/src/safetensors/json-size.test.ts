import { expect, test } from "vitest";
import { isJsonWithin } from "./json-size.ts";

const isWithin = (text: string, depth: number, values: number) =>
  isJsonWithin(new TextEncoder().encode(text), { depth, values });

test.each([
  ["1", 0, 0],
  ["[]", 1, 1],
  ['{"a":[{}]}', 3, 3],
  ["[1,2,3]", 1, 3],
  ["[[],[],[]]", 2, 6],
  // What is within a text is no structure, whatever is escaped there.
  ['{"[,{":"]\\",{\\\\"}', 1, 1],
])("%s has %d levels and %d values", (text, depth, values) => {
  expect(isWithin(text, depth, values)).toBe(true);
  if (depth > 0) expect(isWithin(text, depth - 1, values)).toBe(false);
  if (values > 0) expect(isWithin(text, depth, values - 1)).toBe(false);
});
