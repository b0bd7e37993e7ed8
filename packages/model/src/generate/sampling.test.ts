import { describe, expect, test } from "vitest";
import { NumericError, OptionError } from "../errors.ts";
import { argmax, createSampler, type SamplingOptions, sample } from "./sampling.ts";

/** Probabilities 0.1, 0.4, 0.2, 0.3 of ids 0 to 3. */
const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);

/** How often each id comes in 20,000 draws. */
function frequencies(options: SamplingOptions): number[] {
  const sampler = createSampler(options);
  const counts = [0, 0, 0, 0];
  for (let step = 0; step < 20000; step++) {
    const id = sampler(logits, step);
    counts[id] = Number(counts[id]) + 1;
  }
  return counts.map((count) => count / 20000);
}

describe("the distribution of samples", () => {
  // Four standard deviations of a frequency in 20,000 draws are at most 0.0142.
  const cases: [SamplingOptions, number[]][] = [
    [{ seed: 1 }, [0.1, 0.4, 0.2, 0.3]],
    [{ seed: 1, temperature: 0.5 }, [0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3]],
    [{ seed: 2, topK: 2 }, [0, 4 / 7, 0, 3 / 7]],
    [{ seed: 3, topP: 0.75 }, [0, 4 / 9, 2 / 9, 3 / 9]],
    [{ seed: 3, topP: 0.69 }, [0, 4 / 7, 0, 3 / 7]],
    [{ seed: 4, topK: 3, topP: 0.5 }, [0, 4 / 7, 0, 3 / 7]],
    [{ seed: 4, topP: 1e-9 }, [0, 1, 0, 0]],
    [{ seed: 5, topK: 1 }, [0, 1, 0, 0]],
    [{ seed: 5, topK: 100 }, [0.1, 0.4, 0.2, 0.3]],
  ];
  test.each(cases)("%o", (options, expected) => {
    for (const [id, frequency] of frequencies(options).entries()) {
      expect(Math.abs(frequency - Number(expected[id])), `id ${id}`).toBeLessThan(expected[id] === 0 ? 1e-9 : 0.0142);
    }
  });
});

test("greedy takes the first of the largest", () => {
  expect(argmax(Float32Array.of(1, 5, 5, 2))).toBe(1);
  expect(createSampler()(logits, 0)).toBe(1);
  expect(createSampler({ temperature: 0, topK: 3, seed: 9 })(logits, 0)).toBe(1);
});

test("logits that are no numbers are refused", () => {
  const damaged = Float32Array.of(1, Number.NaN, 2);
  expect(() => createSampler()(damaged, 0)).toThrow("the logit of id 1 is NaN");
  expect(() => createSampler({ seed: 1 })(damaged, 0)).toThrow(NumericError);
});

test("the same seed draws the same ids, another seed others", () => {
  const draw = (seed: number) => Array.from({ length: 50 }, (_, step) => createSampler({ seed })(logits, step));
  expect(draw(11)).toEqual(draw(11));
  expect(draw(11)).not.toEqual(draw(12));
});

test("without a seed, samples differ from time to time", () => {
  const draw = () => {
    const sampler = createSampler({ temperature: 1 });
    return Array.from({ length: 100 }, (_, step) => sampler(logits, step)).join();
  };
  expect(draw()).not.toBe(draw());
});

test("a random number next to 1, and impossible ids, still give an id that can be drawn", () => {
  expect(sample(logits, 1, 4, 1, 1 - 2 ** -53)).toBe(3);
  const withImpossible = Float32Array.of(0, Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
  for (const random of [0, 0.49, 0.51, 1 - 2 ** -53]) {
    expect([0, 2]).toContain(sample(withImpossible, 1, 4, 1, random));
    expect([0, 2]).toContain(sample(withImpossible, 1, 3, 1, random));
  }
  expect(sample(Float32Array.of(1000, -1000, 0), 1e-6, 3, 1, 0.999)).toBe(0);
});

test.each([
  [{ temperature: -0.1 }, "option temperature: expected a number of at least 0, found -0.1"],
  [{ temperature: Number.NaN }, "option temperature: expected a number of at least 0, found NaN"],
  [{ topK: 0 }, "option topK: expected a whole number of at least 1, found 0"],
  [{ topK: 1.5 }, "option topK: expected a whole number of at least 1, found 1.5"],
  [{ topP: 0 }, "option topP: expected a number above 0 and at most 1, found 0"],
  [{ topP: 1.1 }, "option topP: expected a number above 0 and at most 1, found 1.1"],
  [{ seed: -1 }, "option seed: expected a whole number from 0 to 4294967295, found -1"],
  [{ seed: 2 ** 32 }, "option seed: expected a whole number from 0 to 4294967295, found 4294967296"],
])("%o is refused", (options, message) => {
  expect(() => createSampler(options)).toThrow(OptionError);
  expect(() => createSampler(options)).toThrow(message);
});
