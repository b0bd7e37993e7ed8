import { type KernelCase, testKernel } from "@blackmamba/testing";
import { ENDS_TEXT, IMPOSSIBLE, IN_PROMPT } from "../marks.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings, SETTINGS_WIDTH } from "../settings.ts";
import { type SampleAdjustOperands, sampleAdjust } from "./adjust.ts";

type Case = KernelCase<SampleAdjustOperands, Record<never, never>>;

const settingsOf = (rows: Partial<SampleSettings>[]) =>
  rows.flatMap((row) => [...encodeSettings({ ...PLAIN_SETTINGS, ...row })]);

/** One row of given logits, after three ids were chosen. */
const byHand = (
  name: string,
  settings: Partial<SampleSettings>,
  { logits, marks = [], bias = [] }: { logits: number[]; marks?: number[]; bias?: number[] },
  expected: number[],
): Case => ({
  name,
  operands: async (make) => ({
    logits: await make.of(logits, [1, logits.length]),
    settings: await make.of(settingsOf([settings]), [1, SETTINGS_WIDTH], "u32"),
    steps: await make.of([3], [1], "u32"),
    marks: await make.of(
      logits.map((_, id) => marks[id] ?? 0),
      [1, logits.length],
      "u32",
    ),
    bias: await make.of(
      logits.map((_, id) => bias[id] ?? 0),
      [1, logits.length],
    ),
  }),
  params: {},
  outputs: ["logits"],
  expected: [expected],
  tolerance: 0,
});

const random = (vocab: number, rows: Partial<SampleSettings>[]): Case => ({
  name: `${vocab} ids, ${rows.map((row) => JSON.stringify(row)).join(" ")}`,
  operands: async (make) => {
    const count = (rows.length + 1) * vocab;
    return {
      logits: await make.random([rows.length + 1, vocab], { deviation: 3 }),
      settings: await make.of(settingsOf([...rows, {}]), [rows.length + 1, SETTINGS_WIDTH], "u32"),
      steps: await make.of(
        Array.from({ length: rows.length + 1 }, (_, row) => row),
        [rows.length + 1],
        "u32",
      ),
      marks: await make.of(
        Array.from(
          { length: count },
          (_, i) => [0, IN_PROMPT, 1, 5, ENDS_TEXT, ENDS_TEXT + 2, IN_PROMPT + 3][i % 7] ?? 0,
        ),
        [rows.length + 1, vocab],
        "u32",
      ),
      bias: await make.random([rows.length + 1, vocab]),
    };
  },
  params: {},
  tokens: rows.length,
  outputs: ["logits"],
  tolerance: 1e-6,
});

testKernel<SampleAdjustOperands, Record<never, never>>(sampleAdjust, [
  byHand("nothing", {}, { logits: [1, -2, 0], marks: [1, IN_PROMPT, ENDS_TEXT] }, [1, -2, 0]),
  byHand("a bias", { hasBias: true }, { logits: [1, -2, 0], bias: [0.5, 4, 0] }, [1.5, 2, 0]),
  byHand("a bias that is not asked for", {}, { logits: [1, -2], bias: [Number.NaN, 4] }, [1, -2]),
  byHand(
    "repetition, of the prompt and of what was chosen",
    { repetitionPenalty: 2 },
    { logits: [3, -3, 3, -3, 3], marks: [IN_PROMPT, IN_PROMPT, 1, 2, ENDS_TEXT] },
    [1.5, -6, 1.5, -6, 3],
  ),
  byHand(
    "frequency and presence, of what was chosen",
    { frequencyPenalty: 0.5, presencePenalty: 0.25 },
    { logits: [3, 3, 3], marks: [IN_PROMPT, 1, IN_PROMPT + 3] },
    [3, 2.25, 1.25],
  ),
  byHand(
    "the bias first, then repetition, then frequency",
    { hasBias: true, repetitionPenalty: 2, frequencyPenalty: 1 },
    { logits: [-1], marks: [1], bias: [3] },
    [0],
  ),
  byHand("an end that comes too early", { minTokens: 4 }, { logits: [3, 2], marks: [ENDS_TEXT] }, [IMPOSSIBLE, 2]),
  byHand("an end that does not", { minTokens: 3 }, { logits: [3, 2], marks: [ENDS_TEXT] }, [3, 2]),
  byHand(
    "NaN stays",
    { minTokens: 4, hasBias: true },
    { logits: [Number.NaN, 1], marks: [ENDS_TEXT + 1], bias: [1, 1] },
    [Number.NaN, 2],
  ),
  byHand(
    "what is banned stays so, whatever the penalties",
    { hasBias: true, repetitionPenalty: 1e-30, frequencyPenalty: -2 },
    { logits: [3, -3, 3], marks: [1, 9, 1], bias: [IMPOSSIBLE, IMPOSSIBLE, 0] },
    [IMPOSSIBLE, IMPOSSIBLE, Math.fround(Math.fround(3 * Math.fround(1e30)) + 2)],
  ),
  byHand(
    "nothing gets below impossible, or infinite",
    { hasBias: true, repetitionPenalty: 1e38 },
    { logits: [-3, -5e17, -1e20], marks: [1], bias: [-100, -6e17, 0] },
    [IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE],
  ),
  random(5, [{ repetitionPenalty: 1.3 }, { minTokens: 2 }]),
  random(1237, [
    { hasBias: true, frequencyPenalty: 0.7 },
    { presencePenalty: -1.5, minTokens: 9 },
  ]),
  random(50304, [{ hasBias: true, repetitionPenalty: 0.8, frequencyPenalty: 0.1, presencePenalty: 0.1, minTokens: 1 }]),
]);
