import { type KernelCase, testKernel } from "@blackmamba/testing";
import { keyOf } from "../key.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings, SETTINGS_WIDTH } from "../settings.ts";
import { type SampleCutOperands, sampleCut } from "./cut.ts";
import { CUT_WIDTH } from "./cut-words.ts";

type Case = KernelCase<SampleCutOperands, Record<never, never>>;

const ALL = { ...PLAIN_SETTINGS, seed: 1 };

const settingsOf = (rows: Partial<SampleSettings>[]) => rows.flatMap((row) => [...encodeSettings({ ...ALL, ...row })]);

const bitsOf = (value: number) => Number(new Uint32Array(Float32Array.of(value).buffer)[0]);

/** One row of given logits. */
const byHand = (name: string, logits: number[], settings: Partial<SampleSettings>, key: number, id: number): Case => ({
  name,
  operands: async (make) => ({
    cut: await make.poison([1, CUT_WIDTH], "u32"),
    logits: await make.of(logits, [1, logits.length]),
    settings: await make.of(settingsOf([settings]), [1, SETTINGS_WIDTH], "u32"),
  }),
  params: {},
  outputs: ["cut"],
  expected: [[key, id, bitsOf(Math.max(...logits))]],
  tolerance: 0,
});

const random = (
  vocab: number,
  rows: Partial<SampleSettings>[],
  { deviation = 3, levels = 0, name = "" }: { deviation?: number; levels?: number; name?: string } = {},
): Case => ({
  name: `${vocab} ids${name}, ${rows.map((row) => JSON.stringify(row)).join(" ")}`,
  operands: async (make) => {
    const logits = levels
      ? await make.of(
          Array.from({ length: (rows.length + 1) * vocab }, (_, i) => ((i * 7919) % 65537) % levels),
          [rows.length + 1, vocab],
        )
      : await make.random([rows.length + 1, vocab], { deviation });
    return {
      cut: await make.poison([rows.length + 1, CUT_WIDTH], "u32"),
      logits,
      settings: await make.of(settingsOf([...rows, {}]), [rows.length + 1, SETTINGS_WIDTH], "u32"),
    };
  },
  params: {},
  tokens: rows.length,
  outputs: ["cut"],
  tolerance: 0,
});

// Probabilities 0.1, 0.4, 0.2, 0.3 of ids 0 to 3.
const logits = [0.1, 0.4, 0.2, 0.3].map((p) => Math.fround(Math.log(p)));
const key = (id: number) => keyOf(Number(logits[id]));

testKernel<SampleCutOperands, Record<never, never>>(sampleCut, [
  byHand("no cut", logits, {}, 0, 3),
  byHand("top-k", logits, { topK: 2 }, key(3), 3),
  byHand("top-k of more than there are", logits, { topK: 9 }, 0, 3),
  byHand("top-p: the id with which p is reached is still in", logits, { topP: 0.75 }, key(2), 3),
  byHand("top-p", logits, { topP: 0.69 }, key(3), 3),
  byHand("top-p of almost nothing", logits, { topP: 1e-9 }, key(1), 3),
  byHand("top-p is a share of what top-k has left", logits, { topK: 3, topP: 0.5 }, key(3), 3),
  byHand("top-p of a high temperature, at which all are alike", logits, { temperature: 1e6, topP: 0.6 }, key(2), 3),
  byHand("equal logits: the lower ids first", [1, 2, 2, 2, 0], { topK: 2 }, keyOf(2), 2),
  byHand("equal logits, all of them left", [1, 2, 2, 2, 0], { topK: 3 }, keyOf(2), 4),
  byHand("equal logits: top-p of those that top-k has left", [1, 2, 2, 2, 2], { topK: 3, topP: 0.9 }, keyOf(2), 3),
  byHand("equal logits: fewer yet", [1, 2, 2, 2, 2], { topK: 3, topP: 0.5 }, keyOf(2), 2),
  byHand("zeros of both signs are equal", [0, -0, 0, -0], { topK: 3 }, keyOf(0), 2),
  byHand("impossible ids", [1, Number.NEGATIVE_INFINITY, 2, Number.NEGATIVE_INFINITY], { topP: 0.9 }, keyOf(1), 3),
  byHand(
    "top-k among impossible ids",
    [1, Number.NEGATIVE_INFINITY, 2, Number.NEGATIVE_INFINITY],
    { topK: 3 },
    0x7fffff,
    1,
  ),
  random(1013, [{ topK: 1 }, { topK: 40 }, { topK: 1012 }, { topP: 0.9 }, { topP: 0.999 }, { topK: 50, topP: 0.8 }]),
  random(50304, [{ topK: 40, topP: 0.95, temperature: 0.8 }, { topP: 0.5, temperature: 1.7 }, { topK: 25000 }]),
  // A vocabulary for which masses have fewer bits.
  random(70001, [{ topP: 0.9 }, { topK: 300, topP: 0.3 }, {}]),
  random(1013, [{ topK: 100 }, { topP: 0.5 }, { topK: 700, topP: 0.4 }], { levels: 5, name: " of 5 values" }),
  {
    // The first bins are so wide that the one with the cut has more ids than are listed.
    ...random(4000, [{ topK: 700 }, { topP: 0.4 }, { topK: 3000, topP: 0.6 }], { name: ", one of them impossible" }),
    operands: async (make) => ({
      cut: await make.poison([3, CUT_WIDTH], "u32"),
      logits: await make.of(
        Array.from({ length: 12000 }, (_, i) =>
          i % 4000 === 7 ? Number.NEGATIVE_INFINITY : ((i * 7919) % 65537) / 65537,
        ),
        [3, 4000],
      ),
      settings: await make.of(
        settingsOf([{ topK: 700 }, { topP: 0.4 }, { topK: 3000, topP: 0.6 }]),
        [3, SETTINGS_WIDTH],
        "u32",
      ),
    }),
  },
  random(4000, [{ topK: 1234 }, { topP: 0.37 }], { levels: 1, name: ", all equal" }),
  random(1013, [{ topK: 100 }, { topP: 0.7 }], { deviation: 1e-6, name: ", nearly equal" }),
  random(1013, [{ topK: 100 }, { topP: 0.7 }], { deviation: 1e6, name: ", far apart" }),
]);
