import { expect, test } from "vitest";
import { nearestWord, orNearest } from "./nearest.ts";

const known = ["undo", "retry", "reset", "fork", "switch", "save", "load", "history", "help"];

test.each([
  ["undoo", "undo"],
  ["udno", "undo"],
  ["hist", "history"],
  ["hsitory", "history"],
  ["rest", "reset"],
  ["sav", "save"],
  ["swich", "switch"],
  ["laod", "load"],
  ["xyz", undefined],
  ["h", undefined],
  ["", undefined],
  ["temperature", undefined],
])("%j is nearest to %j", (word, nearest) => expect(nearestWord(word, known)).toBe(nearest));

test("is asked for in a message", () => {
  expect(orNearest("udno", known)).toBe("; did you mean undo?");
  expect(orNearest("xyz", known)).toBe("");
});
