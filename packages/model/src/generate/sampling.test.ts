/**
 * Options alone; that draws have the distribution that was asked for is tested where the sampler is, in `kernels`.
 */
import { expect, test } from "vitest";
import { NumericError, OptionError } from "../errors.ts";
import { checkChosen, type SamplingOptions, samplingOf } from "./sampling.ts";

const kindOf = (options: SamplingOptions) => {
  const { noise, cut, penalty } = samplingOf(options)().kind;
  return [noise && "noise", cut && "cut", penalty && "penalty"].filter(Boolean).join(" ");
};

test("a sampler does what is asked for and nothing else", () => {
  expect(kindOf({})).toBe("");
  expect(kindOf({ temperature: 0, topK: 3, seed: 9 })).toBe("");
  expect(kindOf({ temperature: 0.7 })).toBe("noise");
  expect(kindOf({ seed: 9 })).toBe("noise");
  expect(kindOf({ topK: 3 })).toBe("noise cut");
  expect(kindOf({ topP: 0.9 })).toBe("noise cut");
  expect(kindOf({ minP: 0.1 })).toBe("noise cut");
  expect(kindOf({ temperature: 1, topP: 1, minP: 0 })).toBe("noise");
  expect(kindOf({ repetitionPenalty: 1.2 })).toBe("penalty");
  expect(kindOf({ repetitionPenalty: 1.2, temperature: 2, minP: 0.1 })).toBe("noise cut penalty");
});

test("without a seed, samples differ from time to time; in a batch, each has its own", () => {
  const seeds = Array.from({ length: 4 }, () => samplingOf({ temperature: 1 })().settings[0]);
  expect(new Set(seeds).size).toBeGreaterThan(1);
  const batch = samplingOf({ seed: 2 ** 32 - 1 });
  expect([batch(0).settings[0], batch(1).settings[0], batch(2).settings[0]]).toEqual([2 ** 32 - 1, 0, 1]);
});

test("a logit that is no number is refused by its id", () => {
  expect(checkChosen(50303)).toBe(50303);
  expect(() => checkChosen(2 ** 31 + 5)).toThrow(NumericError);
  expect(() => checkChosen(2 ** 31 + 5)).toThrow("the logit of id 5 is NaN");
});

test.each([
  [{ temperature: -0.1 }, "option temperature: expected a number of at least 0, found -0.1"],
  [{ temperature: Number.NaN }, "option temperature: expected a number of at least 0, found NaN"],
  [{ topK: 0 }, "option topK: expected a whole number of at least 1, found 0"],
  [{ topK: 1.5 }, "option topK: expected a whole number of at least 1, found 1.5"],
  [{ topP: 0 }, "option topP: expected a number above 0 and at most 1, found 0"],
  [{ topP: 1.1 }, "option topP: expected a number above 0 and at most 1, found 1.1"],
  [{ minP: -0.1 }, "option minP: expected a number from 0 to 1, found -0.1"],
  [{ minP: Number.NaN }, "option minP: expected a number from 0 to 1, found NaN"],
  [{ repetitionPenalty: 0 }, "option repetitionPenalty: expected a number above 0, found 0"],
  [
    { repetitionPenalty: Number.POSITIVE_INFINITY },
    "option repetitionPenalty: expected a number above 0, found Infinity",
  ],
  [{ seed: -1 }, "option seed: expected a whole number from 0 to 4294967295, found -1"],
  [{ seed: 2 ** 32 }, "option seed: expected a whole number from 0 to 4294967295, found 4294967296"],
])("%o is refused", (options, message) => {
  expect(() => samplingOf(options)).toThrow(OptionError);
  expect(() => samplingOf(options)).toThrow(message);
});
