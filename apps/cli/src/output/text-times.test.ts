import { expect, test } from "vitest";
import { formatTextTimes, startTextTimes } from "./text-times.ts";

/** A text whose tokens come at these times, and which ends at the last. */
function timesOf(...moments: number[]) {
  let now = 100;
  const meter = startTextTimes(() => now);
  for (const [index, moment] of moments.entries()) {
    now = 100 + moment;
    if (index < moments.length - 1) meter.token();
  }
  return meter.end();
}

test("the first token waits for the prompt; the rate is of those after it", () => {
  const times = timesOf(50, 60, 70, 70);
  expect(times).toEqual({ tokens: 3, firstTokenMs: 50, durationMs: 70, tokensPerSecond: 100 });
  expect(formatTextTimes(times)).toBe("3 tokens in 70 ms, the first after 50 ms, then 100.0 tok/s");
});

test("one token, or none, has no rate", () => {
  expect(formatTextTimes(timesOf(50, 60))).toBe("1 token in 60 ms, the first after 50 ms");
  expect(formatTextTimes(timesOf(60))).toBe("0 tokens in 60 ms");
});
