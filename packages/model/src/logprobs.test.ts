/** Log-probabilities, against numbers worked out by hand and against sorting. */
import { randomNumbers } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { NumericError, PromptError } from "./errors.ts";
import { isLikeliest, logprobOf, topLogprobs } from "./logprobs.ts";

/** Of the published models. */
const VOCAB = 50_304;
const RULED_OUT = Number.NEGATIVE_INFINITY;

describe("the log-probability of an id", () => {
  test("is that of its share", () => {
    const logits = Float32Array.of(0, Math.log(2), Math.log(5), RULED_OUT);
    for (const [id, share] of [1, 2, 5].entries()) expect(logprobOf(logits, id)).toBeCloseTo(Math.log(share / 8), 7);
    expect(logprobOf(logits, 3)).toBe(RULED_OUT);
    expect(logprobOf(Float32Array.of(7), 0)).toBe(0);
  });

  test("does not change with what is added to all logits, however large", () => {
    const logits = Float32Array.of(1, 2, 4);
    const expected = 1 - Math.log(Math.exp(1) + Math.exp(2) + Math.exp(4));
    // Each of these sums is exact in float32.
    for (const added of [0, -4096, 4096, 2 ** 20]) {
      expect(
        logprobOf(
          logits.map((logit) => logit + added),
          0,
        ),
      ).toBeCloseTo(expected, 9);
    }
    expect(logprobOf(Float32Array.of(3e38, -3e38), 1)).toBe(Math.fround(-3e38) - Math.fround(3e38));
  });

  test("is summed in float64", () => {
    // As many equal ids as the published models have: in float32 a sum of one by one, or 1 + a little, would be off in the seventh digit.
    expect(logprobOf(new Float32Array(VOCAB).fill(-3.5), 17)).toBeCloseTo(-Math.log(VOCAB), 12);
    const almostSure = Float32Array.from({ length: VOCAB }, (_, id) => (id === 9 ? 30 : 0));
    expect(logprobOf(almostSure, 9)).toBeCloseTo(-Math.log1p((VOCAB - 1) * Math.exp(-30)), 10);
  });

  test("of an id that there is not is refused", () => {
    for (const id of [3, -1, 0.5]) expect(() => logprobOf(Float32Array.of(1, 2, 3), id)).toThrow(PromptError);
  });
});

describe("the likeliest ids", () => {
  test("come in order, of equal ones the lower id first", () => {
    const logits = Float32Array.of(1, 3, 2, 3, RULED_OUT, 2);
    expect(topLogprobs(logits, 4).map(({ id }) => id)).toEqual([1, 3, 2, 5]);
    expect(topLogprobs(logits, 3).map(({ id }) => id)).toEqual([1, 3, 2]);
    expect(topLogprobs(logits, 99).map(({ id }) => id)).toEqual([1, 3, 2, 5, 0, 4]);
    expect(topLogprobs(logits, 0)).toEqual([]);
    for (const { id, logprob } of topLogprobs(logits, 6)) expect(logprob).toBe(logprobOf(logits, id));
    expect([...logits.keys()].filter((id) => isLikeliest(logits, id))).toEqual([1]);
  });

  test("are those that sorting finds, among many equal ones", () => {
    const logits = randomNumbers(1, VOCAB).map((value) => Math.fround(Math.round(value * 2000) / 100));
    const sorted = [...logits.keys()].sort((a, b) => Number(logits[b]) - Number(logits[a]) || a - b);
    for (const count of [1, 5, 20, 200]) {
      expect(topLogprobs(logits, count).map(({ id }) => id)).toEqual(sorted.slice(0, count));
    }
    expect(isLikeliest(logits, sorted[0] as number)).toBe(true);
    expect(isLikeliest(logits, sorted[1] as number)).toBe(false);
  });
});

describe("what is no number", () => {
  test.each([
    { logits: [1, Number.NaN, 2], message: "the logit of id 1 is NaN" },
    { logits: [1, 2, Number.POSITIVE_INFINITY], message: "the logit of id 2 is Infinity" },
    { logits: [RULED_OUT, RULED_OUT], message: "all logits are -Infinity" },
  ])("is named: $message", ({ logits, message }) => {
    const row = Float32Array.from(logits);
    expect(() => logprobOf(row, 0)).toThrow(NumericError);
    expect(() => logprobOf(row, 0)).toThrow(message);
    expect(() => topLogprobs(row, 1)).toThrow(message);
  });
});
