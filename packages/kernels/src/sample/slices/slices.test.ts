import { type KernelCase, type TensorMaker, testKernel } from "@blackmamba/testing";
import { keyOf, NAN_KEY } from "../key.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings, SETTINGS_WIDTH } from "../settings.ts";
import { sliceCount } from "./slice-count.ts";
import { type SampleSlicesOperands, type SampleSlicesParams, sampleSlices } from "./slices.ts";

type Case = KernelCase<SampleSlicesOperands, SampleSlicesParams>;

const ALL = { ...PLAIN_SETTINGS, seed: 1 };

const settingsTensor = (make: TensorMaker, rows: Partial<SampleSettings>[]) =>
  make.of(
    rows.flatMap((row) => [...encodeSettings({ ...ALL, ...row })]),
    [rows.length, SETTINGS_WIDTH],
    "u32",
  );

interface Options {
  readonly settings?: Partial<SampleSettings>;
  readonly cut?: number[];
  readonly typical?: number[];
  readonly noise?: boolean;
}

const byHand = (
  name: string,
  logits: number[],
  expected: [key: number, id: number],
  { settings = {}, cut, typical, noise = false }: Options = {},
): Case => ({
  name,
  operands: async (make) => ({
    keys: await make.poison([1, 1], "u32"),
    ids: await make.poison([1, 1], "u32"),
    logits: await make.of(logits, [1, logits.length]),
    settings: await settingsTensor(make, [settings]),
    steps: await make.of([3], [1], "u32"),
    cut: cut && (await make.of(cut, [1, 3], "u32")),
    typical: typical && (await make.of(typical, [1, 3], "u32")),
  }),
  params: { noise },
  outputs: ["keys", "ids"],
  expected: [[expected[0]], [expected[1]]],
  tolerance: 0,
});

const random = (vocab: number, params: SampleSlicesParams, outputs: ("keys" | "ids")[], tolerance: number): Case => ({
  name: `${vocab} ids, ${params.noise ? "drawn" : "likeliest"}: ${outputs.join(" and ")}`,
  operands: async (make) => {
    const logits = await make.random([4, vocab], { deviation: 3 });
    return {
      keys: await make.poison([4, sliceCount(vocab)], "u32"),
      ids: await make.poison([4, sliceCount(vocab)], "u32"),
      logits,
      settings: await settingsTensor(make, [
        { seed: 5, temperature: 0.7 },
        { seed: 0xffffffff, temperature: 2 },
        { seed: 6, minP: 0.02 },
        {},
      ]),
      steps: await make.of([0, 70000, 3, 4], [4], "u32"),
      cut: await make.of(
        [0, vocab - 1, 0x41000000, keyOf(-0.5), vocab - 1, 0x41000000, 0, vocab - 1, 0x41000000, 0, 0, 0],
        [4, 3],
        "u32",
      ),
    };
  },
  params,
  tokens: 3,
  outputs,
  tolerance,
});

const bits = (value: number) => Number(new Uint32Array(Float32Array.of(value).buffer)[0]);

testKernel(sampleSlices, [
  byHand("the first of the largest", [1, 5, 5, 2], [keyOf(5), 1]),
  byHand("negative logits", [-3, -1, -2], [keyOf(-1), 1]),
  byHand("infinite logits", [1, Number.POSITIVE_INFINITY, 2], [keyOf(Number.POSITIVE_INFINITY), 1]),
  byHand("nothing but impossible ids", [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY], [0x7fffff, 0]),
  byHand("a NaN wins, the first of several", [9, Number.NaN, 2, Number.NaN], [NAN_KEY, 1]),
  byHand("a NaN wins over noise and cuts", [9, 1, Number.NaN], [NAN_KEY, 2], {
    noise: true,
    cut: [keyOf(9), 2, bits(9)],
  }),
  byHand(
    "the likeliest among those that are drawn: without noise and at temperature 1",
    [1, 1.001, 0.5],
    [keyOf(1.001), 1],
    {
      noise: true,
      settings: { greedy: true, temperature: 50 },
    },
  ),
  byHand("the likeliest of those that are typical", [1, 5, 2, 3.5, 4], [keyOf(3.5), 3], {
    typical: [bits(2.5), bits(1), 3],
  }),
  byHand("of those that deviate as much, the lower ids", [1, 2, 3, 2, 3], [keyOf(3), 2], {
    typical: [bits(2.5), bits(0.5), 3],
  }),
  byHand("and nothing that a cut leaves out", [1, 5, 2, 3, 3], [keyOf(3), 3], {
    typical: [bits(2.5), bits(2), 4],
    cut: [keyOf(3), 3, bits(5)],
  }),
  byHand("a NaN wins over what is typical", [1, 5, Number.NaN], [NAN_KEY, 2], {
    typical: [bits(1), bits(0), 0],
  }),
  // At this temperature noise alone would decide.
  ...[0, 1, 2, 3].map(
    (seed): Case => ({
      ...byHand("", [2, 3, 2, 3], [0, 1], {
        noise: true,
        cut: [keyOf(3), 1, bits(3)],
        settings: { seed, temperature: 1e6 },
      }),
      name: `a cut at a logit and an id, seed ${seed}`,
      outputs: ["ids"],
      expected: [[1]],
    }),
  ),
  random(5, { noise: false }, ["keys", "ids"], 0),
  random(5, { noise: true }, ["ids"], 0),
  random(1237, { noise: false }, ["keys", "ids"], 0),
  random(1237, { noise: true }, ["ids"], 0),
  random(1237, { noise: true }, ["keys"], 1e-6),
  random(50304, { noise: false }, ["keys", "ids"], 0),
  random(50304, { noise: true }, ["ids"], 0),
]);
