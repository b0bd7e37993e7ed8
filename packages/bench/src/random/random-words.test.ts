import { testKernel } from "@blackmamba/testing";
import { type RandomWordsOperands, type RandomWordsParams, randomWords } from "./random-words.ts";

// Whole numbers, so bit for bit. What floats look like: `random-tensor.test.ts`.
testKernel<RandomWordsOperands, RandomWordsParams>(
  randomWords,
  (["q8_0", "q4_0"] as const).map((encoding) => ({
    name: `${encoding}, bit for bit`,
    operands: async (make) => ({ out: await make.poison([1000], "u32") }),
    params: { encoding, seed: 7, firstWord: 123 },
    outputs: ["out"],
    tolerance: 0,
  })),
);
