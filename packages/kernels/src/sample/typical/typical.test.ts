import { type KernelCase, testKernel } from "@blackmamba/testing";
import { IMPOSSIBLE } from "../adjust/adjust.ts";
import { CUT_WIDTH } from "../cut/cut-words.ts";
import { keyOf } from "../key.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings, SETTINGS_WIDTH } from "../settings.ts";
import { type SampleTypicalOperands, sampleTypical } from "./typical.ts";

type Case = KernelCase<SampleTypicalOperands, Record<never, never>>;

const OUT = Math.fround(IMPOSSIBLE);

const settingsOf = (rows: Partial<SampleSettings>[]) =>
  rows.flatMap((row) => [...encodeSettings({ ...PLAIN_SETTINGS, ...row })]);

const bitsOf = (value: number) => Number(new Uint32Array(Float32Array.of(value).buffer)[0]);

/** One row of these probabilities; `left` the ids that stay. */
const byHand = (name: string, p: number[], settings: Partial<SampleSettings>, left: number[], cut?: number[]): Case => {
  const logits = p.map((own) => Math.fround(Math.log(own)));
  return {
    name,
    operands: async (make) => ({
      logits: await make.of(logits, [1, p.length]),
      deviations: await make.poison([1, p.length], "u32"),
      settings: await make.of(settingsOf([settings]), [1, SETTINGS_WIDTH], "u32"),
      cut: cut && (await make.of(cut, [1, CUT_WIDTH], "u32")),
    }),
    params: {},
    outputs: ["logits"],
    expected: [logits.map((logit, id) => (left.includes(id) || Number.isNaN(logit) ? logit : OUT))],
    tolerance: 0,
  };
};

const random = (vocab: number, rows: Partial<SampleSettings>[], isCut = false): Case => ({
  name: `${vocab} ids${isCut ? ", cut" : ""}, ${rows.map((row) => JSON.stringify(row)).join(" ")}`,
  operands: async (make) => ({
    logits: await make.random([rows.length + 1, vocab], { deviation: 3 }),
    deviations: await make.poison([rows.length + 1, vocab], "u32"),
    settings: await make.of(settingsOf([...rows, {}]), [rows.length + 1, SETTINGS_WIDTH], "u32"),
    cut: isCut
      ? await make.of(
          Array.from({ length: rows.length + 1 }, () => [keyOf(0.5), vocab - 1, bitsOf(12)]).flat(),
          [rows.length + 1, CUT_WIDTH],
          "u32",
        )
      : undefined,
  }),
  params: {},
  tokens: rows.length,
  outputs: ["logits"],
  tolerance: 0,
});

// −log p is 2.30, 0.92, 1.61, 1.20, and their mean, the entropy, 1.28: the deviations are 1.02, 0.36, 0.33, 0.08.
const P = [0.1, 0.4, 0.2, 0.3];

testKernel<SampleTypicalOperands, Record<never, never>>(sampleTypical, [
  byHand("all", P, {}, [0, 1, 2, 3]),
  byHand("the most typical one, though it is not the likeliest", P, { typicalP: 0.25 }, [3]),
  byHand("the next typical", P, { typicalP: 0.45 }, [2, 3]),
  byHand("and the next", P, { typicalP: 0.6 }, [1, 2, 3]),
  byHand("almost nothing leaves one", P, { typicalP: 1e-9 }, [3]),
  byHand("those that deviate as much are left together", [0.25, 0.25, 0.25, 0.25], { typicalP: 0.3 }, [0, 1, 2, 3]),
  byHand("one that is sure", [1, 0, 0], { typicalP: 0.5 }, [0]),
  // Of 0.4 and 0.3: the entropy is 0.683, and the deviations are 0.12 and 0.16. The others are left out by the cut.
  byHand(
    "of what a cut has left",
    P,
    { typicalP: 0.5 },
    [0, 1, 2],
    [keyOf(Math.fround(Math.log(0.3))), 3, bitsOf(Math.fround(Math.log(0.4)))],
  ),
  byHand("NaN stays", [0.1, Number.NaN, 0.2, 0.3], { typicalP: 0.1 }, [2]),
  random(1013, [{ typicalP: 0.2 }, { typicalP: 0.9, temperature: 0.7 }, { typicalP: 0.95, temperature: 2 }, {}]),
  random(1013, [{ typicalP: 0.5 }, { typicalP: 0.9, minP: 0.01 }], true),
  random(50304, [{ typicalP: 0.9, temperature: 0.8 }]),
  // A vocabulary for which masses have fewer bits.
  random(70001, [{ typicalP: 0.6 }]),
]);
