import { expect, test } from "vitest";
import { arrivalGaps, arrivalRate, togetherRate } from "./arrival-rate.ts";

test("one by one: the tokens after the first, by the time since it came", () => {
  // A prompt of 90 ms, then a token every 10 ms.
  expect(arrivalRate(0, [100, 110, 120, 130])).toBeCloseTo(100);
});

test("in bursts: the tokens after the first burst, by the time since it came", () => {
  const bursts = [100, 140, 180].flatMap((at) => [at, at + 0.01, at + 0.02, at + 0.03]);
  expect(arrivalRate(0, bursts)).toBeCloseTo(100, 0);
});

test("all at once, or a single one: by the time since it was asked for", () => {
  expect(arrivalRate(0, [50, 50, 50, 50, 50])).toBeCloseTo(100);
  expect(arrivalRate(40, [50])).toBeCloseTo(100);
});

test("together: from when the last text has begun to when the first has ended", () => {
  // Two texts, a token of each every 10 ms; the second begins after 200 ms, and the first ends at 300.
  const first = Array.from({ length: 30 }, (_, i) => ({ index: 0, at: 10 + i * 10 }));
  const second = Array.from({ length: 30 }, (_, i) => ({ index: 1, at: 200.01 + i * 10 }));
  const arrivals = [...first, ...second].sort((a, b) => a.at - b.at);
  expect(togetherRate(0, arrivals, 2)).toBeCloseTo(200, -1);
});

test("together: texts that were never under way all at once count as a whole", () => {
  expect(
    togetherRate(
      0,
      [
        { index: 0, at: 10 },
        { index: 1, at: 20 },
      ],
      2,
    ),
  ).toBeCloseTo(100);
});

test("gaps: from a burst's last token to the next one's first, without the wait for the first", () => {
  const bursts = [100, 112, 141, 150].flatMap((at) => [at, at + 0.01, at + 0.02]);
  expect(arrivalGaps(0, bursts).map(Math.round)).toEqual([12, 29, 9]);
  expect(arrivalGaps(0, [100, 110, 125])).toEqual([10, 15]);
  expect(arrivalGaps(0, [50, 50, 50])).toEqual([]);
  expect(arrivalGaps(0, [50])).toEqual([]);
});
