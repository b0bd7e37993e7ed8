import { expect, test } from "vitest";
import { summarise } from "./statistics.ts";

test("the median of an odd and of an even number of runs", () => {
  expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, runs: [3, 1, 2] });
  expect(summarise([4, 1, 2, 3]).median).toBe(2.5);
  expect(summarise([7])).toEqual({ median: 7, min: 7, max: 7, runs: [7] });
});

test("nothing measured is a mistake", () => {
  expect(() => summarise([])).toThrow("no measurements");
});
