import { expect, test } from "vitest";
import { jsonSize } from "./json-size.ts";

test.each([
  ["1", 0, 0, 0],
  ["[]", 1, 1, 0],
  ['{"a":[{}]}', 3, 3, 0],
  ["[1,2,3]", 1, 3, 2],
  ["[[1,2],[],[]]", 2, 7, 2],
  ['{"a":1,"a":2}', 1, 2, 1],
  // What is within a text is no structure, whatever is escaped there.
  ['{"[,{":"]\\",{\\\\"}', 1, 1, 0],
])("%s has %d levels, %d values and %d outer commas", (text, depth, values, commas) => {
  expect(jsonSize(new TextEncoder().encode(text))).toEqual({ depth, values, commas });
});
