/** Windows: the harness's own example, by hand, and what has to hold of all. */
import { OptionError } from "@blackmamba/model";
import { describe, expect, test } from "vitest";
import { checkWindows, rollingWindows } from "./windows.ts";

/** Of ids 0 to length − 1: what is read, and what is predicted. */
function shown(length: number, context?: number, stride?: number) {
  const ids = [...Array(length).keys()];
  return [...rollingWindows(length, { context, stride })].map(({ begin, from, end }) => ({
    input: ids.slice(begin, end - 1),
    predicted: ids.slice(from, end),
  }));
}

test("are those of the harness's example: ten tokens after a start token, a view of four", () => {
  // `loglikelihood_rolling` in `lm_eval/api/model.py`; its BOS is 0 here, and its token n is n + 1.
  expect(shown(11, 4)).toEqual([
    { input: [0, 1, 2, 3], predicted: [1, 2, 3, 4] },
    { input: [4, 5, 6, 7], predicted: [5, 6, 7, 8] },
    { input: [6, 7, 8, 9], predicted: [9, 10] },
  ]);
});

test("with a smaller stride have more before each id", () => {
  expect(shown(8, 4, 2)).toEqual([
    { input: [0, 1, 2, 3], predicted: [1, 2, 3, 4] },
    { input: [2, 3, 4, 5], predicted: [5, 6] },
    { input: [3, 4, 5, 6], predicted: [7] },
  ]);
});

test("without a context are one", () => {
  expect(shown(5)).toEqual([{ input: [0, 1, 2, 3], predicted: [1, 2, 3, 4] }]);
  expect(shown(1)).toEqual([]);
});

describe("of any length, context and stride", () => {
  test.each([1, 2, 3, 7, 16])("predict each id once, with all before it that the context of %i allows", (context) => {
    for (let stride = 1; stride <= context; stride++) {
      for (let length = 1; length < 40; length++) {
        const windows = [...rollingWindows(length, { context, stride })];
        let next = 1;
        for (const { begin, from, end } of windows) {
          expect(from).toBe(next);
          expect(end - 1 - begin).toBe(Math.min(context, end - 1));
          expect(from - begin).toBeGreaterThanOrEqual(Math.min(from, context - stride + 1));
          next = end;
        }
        expect(next).toBe(Math.max(1, length));
        expect(windows.length).toBe(Math.ceil(Math.max(0, length - 1 - context) / stride) + (length > 1 ? 1 : 0));
      }
    }
  });
});

test.each([
  { context: 0 },
  { context: 2.5 },
  { stride: 1 },
  { context: 4, stride: 0 },
  { context: 4, stride: 5 },
  { context: 4, stride: 1.5 },
])("%o is refused", (options) => {
  expect(() => checkWindows(options)).toThrow(OptionError);
});
