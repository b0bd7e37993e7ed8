import { expect, test } from "vitest";
import { severalAtOnce } from "./several-at-once.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

test("no more than so many are under way, and each is done once, begun in order", async () => {
  let [underWay, most] = [0, 0];
  const begun: number[] = [];
  await severalAtOnce([0, 1, 2, 3, 4, 5, 6], 3, async (item) => {
    begun.push(item);
    most = Math.max(most, ++underWay);
    for (let i = 0; i <= item % 3; i++) await turn();
    underWay--;
  });
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(most).toBe(3);
});

test("a failure stops the others, and is told when they have stopped", async () => {
  let underWay = 0;
  const begun: number[] = [];
  const all = severalAtOnce([0, 1, 2, 3, 4, 5], 2, async (item, signal) => {
    begun.push(item);
    underWay++;
    try {
      if (item === 1) throw new Error("of the second");
      while (!signal.aborted) await turn();
      signal.throwIfAborted();
    } finally {
      underWay--;
    }
  });
  await expect(all).rejects.toThrow("of the second");
  expect(underWay).toBe(0);
  expect(begun).toEqual([0, 1]);
});

test("an abort ends it with its reason", async () => {
  const stop = new AbortController();
  const all = severalAtOnce([0, 1, 2], 2, turn as () => Promise<void>, stop.signal);
  stop.abort(new Error("enough"));
  await expect(all).rejects.toThrow("enough");
});
