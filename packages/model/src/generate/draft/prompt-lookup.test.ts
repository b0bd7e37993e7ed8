import { expect, test } from "vitest";
import { lookUp } from "./prompt-lookup.ts";

const find = (ids: number[], ngram = 3, most = 4) => [...lookUp(Uint32Array.from(ids), ngram, most)];

test("what followed the last ids where they were said last", () => {
  expect(find([1, 2, 3, 4, 5, 1, 2, 3])).toEqual([4, 5, 1, 2]);
  expect(find([1, 2, 3, 4, 5, 1, 2, 3], 3, 2)).toEqual([4, 5]);
  expect(find([9, 3, 7, 8, 3, 5, 6, 3])).toEqual([5, 6, 3, 5]);
});

test("as many of the last ids as possible, and no more than asked for", () => {
  expect(find([1, 2, 8, 5, 2, 9, 1, 2])).toEqual([8, 5, 2, 9]);
  expect(find([1, 2, 8, 5, 2, 9, 1, 2], 1)).toEqual([9, 1, 2, 9]);
});

test("nothing where nothing is said again", () => {
  expect(find([1, 2, 3])).toEqual([]);
  expect(find([1])).toEqual([]);
  expect(find([])).toEqual([]);
});

test("what goes on in a circle", () => {
  expect(find([4, 4])).toEqual([4, 4, 4, 4]);
  expect(find([6, 4, 5, 4, 5, 4])).toEqual([5, 4, 5, 4]);
});
