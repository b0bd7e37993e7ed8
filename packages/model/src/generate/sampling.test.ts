/**
 * Options alone; that draws have the distribution that was asked for is tested where the sampler is, in `kernels`.
 */
import { expect, test } from "vitest";
import { NumericError, OptionError } from "../errors.ts";
import { checkChosen, type Sampling, type SamplingOptions, samplingOf } from "./sampling.ts";

const LIMITS = { minTokens: 0, ends: new Set<number>() };

const sample = (options: SamplingOptions, limits = LIMITS) => samplingOf(options, limits, 8);

const kindOf = (options: SamplingOptions, limits = LIMITS) => {
  const { noise, cut, typical, adjust } = sample(options, limits)().kind;
  return [noise && "noise", cut && "cut", typical && "typical", adjust && "adjust"].filter(Boolean).join(" ");
};

const seedOf = (sampling: Sampling) => sampling.of({ ids: new Uint32Array(0), promptLength: 0 }).settings[0];

test("a sampler does what is asked for and nothing else", () => {
  expect(kindOf({})).toBe("");
  expect(kindOf({ temperature: 0, topK: 3, seed: 9 })).toBe("");
  expect(kindOf({ temperature: 0.7 })).toBe("noise");
  expect(kindOf({ seed: 9 })).toBe("noise");
  expect(kindOf({ topK: 3 })).toBe("noise cut");
  expect(kindOf({ topP: 0.9 })).toBe("noise cut");
  expect(kindOf({ minP: 0.1 })).toBe("noise cut");
  expect(kindOf({ temperature: 1, topP: 1, minP: 0 })).toBe("noise");
  expect(kindOf({ typicalP: 0.9 })).toBe("noise typical");
  expect(kindOf({ temperature: 0, typicalP: 0.9 })).toBe("");
  expect(kindOf({ repetitionPenalty: 1.2 })).toBe("adjust");
  expect(kindOf({ frequencyPenalty: 1.2 })).toBe("adjust");
  expect(kindOf({ presencePenalty: -1.2 })).toBe("adjust");
  expect(kindOf({ logitBias: {} })).toBe("");
  expect(kindOf({ logitBias: { 3: 1 } })).toBe("adjust");
  expect(kindOf({}, { minTokens: 2, ends: new Set() })).toBe("");
  expect(kindOf({}, { minTokens: 2, ends: new Set([3]) })).toBe("adjust");
  expect(kindOf({ repetitionPenalty: 1.2, temperature: 2, minP: 0.1 })).toBe("noise cut adjust");
});

test("without a seed, samples differ from time to time; in a batch, each has its own", () => {
  const seeds = Array.from({ length: 4 }, () => seedOf(sample({ temperature: 1 })()));
  expect(new Set(seeds).size).toBeGreaterThan(1);
  const batch = sample({ seed: 2 ** 32 - 1 });
  expect([0, 1, 2].map((index) => seedOf(batch(index)))).toEqual([2 ** 32 - 1, 0, 1]);
});

test("a sampler that adjusts logits knows what the text and its prompt have", () => {
  const sampling = sample({ logitBias: { 3: -100, 5: Number.NEGATIVE_INFINITY }, seed: 1 })();
  const { marks, bias, chosen } = sampling.of({ ids: Uint32Array.of(1, 2, 2, 4, 4), promptLength: 3 });
  expect(chosen).toBe(2);
  expect(marks).toEqual(Uint32Array.of(0, 2 ** 30, 2 ** 30, 0, 2, 0, 0, 0));
  expect(bias).toEqual(Float32Array.of(0, 0, 0, -100, 0, Number(bias?.[5]), 0, 0));
  expect(bias?.[5]).toBeLessThan(-1e12);
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
  [{ typicalP: 0 }, "option typicalP: expected a number above 0 and at most 1, found 0"],
  [{ frequencyPenalty: 2.1 }, "option frequencyPenalty: expected a number from -2 to 2, found 2.1"],
  [{ presencePenalty: Number.NaN }, "option presencePenalty: expected a number from -2 to 2, found NaN"],
  [{ logitBias: { 8: 1 } }, "option logitBias: expected ids from 0 to 7, found 8"],
  [{ logitBias: { 1.5: 1 } }, "option logitBias: expected ids from 0 to 7, found 1.5"],
  [{ logitBias: { 1: Number.NaN } }, "option logitBias: expected finite numbers, or -Infinity, found NaN for id 1"],
  [
    { logitBias: [1] as unknown as Record<number, number> },
    "option logitBias: expected an object of ids and numbers, found 1",
  ],
  [{ seed: -1 }, "option seed: expected a whole number from 0 to 4294967295, found -1"],
  [{ seed: 2 ** 32 }, "option seed: expected a whole number from 0 to 4294967295, found 4294967296"],
])("%o is refused", (options, message) => {
  expect(() => sample(options)).toThrow(OptionError);
  expect(() => sample(options)).toThrow(message);
});
