import { expect, test } from "vitest";
import { repeat, type StageProgress } from "./measure-options.ts";

test("a run to warm up is not among the results, but counts as progress", async () => {
  const progress: StageProgress[] = [];
  const results = await repeat({ runs: 2, onProgress: (each) => progress.push(each) }, async (index) => index);
  expect(results).toEqual([0, 1]);
  expect(progress.map(({ done, total }) => [done, total])).toEqual([
    [1, 3],
    [2, 3],
    [3, 3],
  ]);
});
