import { expect, test } from "vitest";
import { meanOf } from "./mean.ts";

test("the mean and its standard error, by hand", () => {
  // Deviations −2, 0, 0, 2: a sample variance of 8/3.
  expect(meanOf([1, 3, 3, 5])).toEqual({ mean: 3, error: Math.sqrt(8 / 3 / 4) });
  expect(meanOf([1, 0]).error).toBeCloseTo(0.5, 15);
});

test("a single value has no error that could be told", () => {
  expect(meanOf([7])).toEqual({ mean: 7, error: undefined });
});
