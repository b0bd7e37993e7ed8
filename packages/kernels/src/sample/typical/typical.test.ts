import { type Device, hostTensor, Program, type Tensor } from "@blackmamba/tensor";
import { type KernelCase, randomNumbers, testDeviceVariants, testKernel } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { sampleCut } from "../cut/cut.ts";
import { CUT_WIDTH } from "../cut/cut-words.ts";
import { keptBy } from "../kept.ts";
import { keyOf } from "../key.ts";
import { IMPOSSIBLE } from "../marks.ts";
import { sampleDistribution } from "../sample-distribution.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings, SETTINGS_WIDTH } from "../settings.ts";
import { type SampleTypicalOperands, sampleTypical } from "./typical.ts";
import { ANY_DEVIATION, TYPICAL_WIDTH } from "./typical-words.ts";

type Case = KernelCase<SampleTypicalOperands, Record<never, never>>;

const settingsOf = (rows: Partial<SampleSettings>[]) =>
  rows.flatMap((row) => [...encodeSettings({ ...PLAIN_SETTINGS, ...row })]);

const bitsOf = (value: number) => Number(new Uint32Array(Float32Array.of(value).buffer)[0]);

/** Rows of which each has one logit or impossible ones, so that the center is that logit on every device. */
const alike = (
  name: string,
  rows: [Partial<SampleSettings>, words: number[]][],
  logits: number[],
  cut?: number[],
): Case => ({
  name,
  operands: async (make) => ({
    typical: await make.poison([rows.length + 1, TYPICAL_WIDTH], "u32"),
    logits: await make.of(
      [...rows, 0].flatMap(() => logits),
      [rows.length + 1, logits.length],
    ),
    settings: await make.of(settingsOf([...rows.map(([row]) => row), {}]), [rows.length + 1, SETTINGS_WIDTH], "u32"),
    cut:
      cut &&
      (await make.of(
        [...rows, 0].flatMap(() => cut),
        [rows.length + 1, CUT_WIDTH],
        "u32",
      )),
  }),
  params: {},
  tokens: rows.length,
  outputs: ["typical"],
  expected: [[...rows.flatMap(([, words]) => words), ...Array<number>(TYPICAL_WIDTH).fill(ANY_DEVIATION)]],
  tolerance: 0,
});

testKernel<SampleTypicalOperands, Record<never, never>>(sampleTypical, [
  alike(
    "equal ones, the lower ids first",
    [
      [{ typicalP: 0.3 }, [bitsOf(-1.5), 0, 1]],
      [{ typicalP: 0.25 }, [bitsOf(-1.5), 0, 0]],
      [{ typicalP: 1e-9, temperature: 3 }, [bitsOf(-1.5), 0, 0]],
      [{ typicalP: 0.99 }, [bitsOf(-1.5), 0, 3]],
      [{}, [0, ANY_DEVIATION, 3]],
      [{ typicalP: 0.3, greedy: true }, [0, ANY_DEVIATION, 3]],
    ],
    [-1.5, -1.5, -1.5, -1.5],
  ),
  alike(
    "impossible ones among them",
    [[{ typicalP: 0.5 }, [bitsOf(2), 0, 1]]],
    [Number.NEGATIVE_INFINITY, 2, IMPOSSIBLE, 2],
  ),
  alike("those that a cut leaves", [[{ typicalP: 0.5 }, [bitsOf(2), 0, 2]]], [1.9, 2, 2, 2], [keyOf(2), 3, bitsOf(2)]),
]);

/** Which ids are left of rows of logits, on a device. */
async function leftOn(device: Device, logits: Float32Array, rows: Partial<SampleSettings>[], chains: boolean) {
  const vocab = logits.length / rows.length;
  const make = async (shape: number[], values?: ArrayBufferView): Promise<Tensor> => {
    const tensor = device.createTensor(values instanceof Float32Array ? "f32" : "u32", shape, "operand");
    if (values) await device.write(tensor, values);
    return tensor;
  };
  const operands = {
    logits: await make([rows.length, vocab], logits),
    settings: await make([rows.length, SETTINGS_WIDTH], Uint32Array.from(settingsOf(rows))),
    cut: await make([rows.length, CUT_WIDTH]),
  };
  const typical = await make([rows.length, TYPICAL_WIDTH]);
  const program = new Program("typical", chains ? { outputs: [operands.cut, typical] } : {});
  program.call(sampleCut, operands, {});
  program.call(sampleTypical, { ...operands, typical }, {});
  const prepared = await device.prepare(program);
  await device.run([prepared], { tokens: rows.length });
  prepared.dispose();
  const host = async (tensor: Tensor) => hostTensor(tensor, (await device.readU32(tensor)).slice().buffer);
  const words = {
    cut: await host(operands.cut),
    typical: await host(typical),
    settings: await host(operands.settings),
  };
  for (const { storage } of [...Object.values(operands), typical]) storage.dispose();
  return rows.map((_, row) => {
    const isKept = keptBy(words, row);
    return [...logits.subarray(row * vocab, (row + 1) * vocab)].flatMap((logit, id) =>
      isKept?.(logit, id) ? [id] : [],
    );
  });
}

describe.each(testDeviceVariants())("typical ids on $label", ({ open, chains = false }) => {
  // −log p is 2.30, 0.92, 1.61, 1.20, and their mean, the entropy, 1.28: the deviations are 1.02, 0.36, 0.33, 0.08.
  const p = [0.1, 0.4, 0.2, 0.3];
  test.each<[string, Partial<SampleSettings>, number[]]>([
    ["all", {}, [0, 1, 2, 3]],
    ["the most typical one, though it is not the likeliest", { typicalP: 0.25 }, [3]],
    ["the next typical", { typicalP: 0.45 }, [2, 3]],
    ["and the next", { typicalP: 0.6 }, [1, 2, 3]],
    ["almost nothing leaves one", { typicalP: 1e-9 }, [3]],
    // Of 0.4 and 0.3: the entropy is 0.683, and the deviations are 0.12 and 0.16.
    ["of what top-k leaves", { typicalP: 0.5, topK: 2 }, [1]],
    ["of what min-p leaves", { typicalP: 0.5, minP: 0.6 }, [1]],
    // Of p², normalised: 0.033, 0.533, 0.133, 0.3; the entropy is 1.078, the deviations are 2.32, 0.45, 0.94, 0.13.
    ["of what a temperature makes", { typicalP: 0.5, temperature: 0.5 }, [1, 3]],
  ])("worked out by hand: %s", async (_, settings, left) => {
    expect(await leftOn(await open(), Float32Array.from(p, Math.log), [settings], chains)).toEqual([left]);
  });

  test.each<[vocab: number, Partial<SampleSettings>[]]>([
    [1013, [{ typicalP: 0.2 }, { typicalP: 0.9, temperature: 0.7 }, { typicalP: 0.95, temperature: 2, topK: 300 }]],
    // A vocabulary for which masses have fewer bits.
    [
      70001,
      [
        { typicalP: 0.9, temperature: 0.8 },
        { typicalP: 0.5, topP: 0.9 },
        { typicalP: 0.8, minP: 0.01 },
      ],
    ],
  ])("as by the definition, %i ids", async (vocab, rows) => {
    const logits = randomNumbers(vocab, vocab * rows.length).map((value) => value * 3);
    const left = await leftOn(await open(), logits, rows, chains);
    for (const [row, settings] of rows.entries()) {
      const own = logits.subarray(row * vocab, (row + 1) * vocab);
      const all = { ...PLAIN_SETTINGS, ...settings };
      const expected = sampleDistribution(own, all).flatMap((share, id) => (share > 0 ? [id] : []));
      expect(expected.length).toBeGreaterThan(1);
      expect(left[row], JSON.stringify(settings)).toEqual(expected);
    }
  });
});
