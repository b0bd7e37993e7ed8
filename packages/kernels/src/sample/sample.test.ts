import { type Device, Program, type Tensor } from "@blackmamba/tensor";
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { biasOf, marksOf } from "./marks.ts";
import {
  createAdjustments,
  createSampleScratch,
  createSampleState,
  recordSample,
  sampleKind,
  unionKind,
} from "./sample.ts";
import { sampleDistribution } from "./sample-distribution.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings } from "./settings.ts";

interface Row extends Partial<SampleSettings> {
  readonly prompt?: readonly number[];
  readonly chosen?: readonly number[];
  readonly ends?: readonly number[];
  readonly bias?: readonly [number, number][];
}

const marksOfRow = (row: Row, vocab: number) => marksOf({ prompt: [], chosen: [], ends: [], ...row }, vocab);

/** What tells a row from others. */
const nameOf = (row: Row) => JSON.stringify(row, (_, value) => (value === Number.NEGATIVE_INFINITY ? "-∞" : value));

/** How a row is sampled. */
const settingsOf = ({ prompt, chosen, ends, bias, ...settings }: Row): SampleSettings => ({
  ...PLAIN_SETTINGS,
  seed: 1,
  hasBias: bias !== undefined,
  ...settings,
});

/** A sampler over some rows, and what it has. */
async function createSampler(device: Device, logits: Float32Array, rows: readonly Row[], kept: number) {
  const vocab = logits.length;
  const tensors: Tensor[] = [];
  const allocator = {
    createTensor: (...of: Parameters<Device["createTensor"]>) => {
      tensors.push(device.createTensor(...of));
      return tensors.at(-1) as Tensor;
    },
  };
  const count = rows.length;
  const all = allocator.createTensor("f32", [count, vocab], "logits");
  const next = allocator.createTensor("u32", [count], "next");
  const chosen = allocator.createTensor("u32", [count, kept], "chosen");
  const state = createSampleState(allocator, count);
  const adjustments = createAdjustments(allocator, count, vocab);
  const scratch = createSampleScratch(allocator, count, vocab);
  const settings = rows.map(settingsOf);
  const model = Float32Array.from({ length: count * vocab }, (_, i) => Number(logits[i % vocab]));
  await device.write(state.settings, Uint32Array.from(settings.flatMap((row) => [...encodeSettings(row)])));
  const marks = rows.map((row) => marksOfRow(row, vocab));
  await device.write(adjustments.marks, Uint32Array.from(marks.flatMap((row) => [...row])));
  // Of a row without a bias it is of no account.
  const biases = rows.map(({ bias }) => (bias ? biasOf(bias, vocab) : new Float32Array(vocab).fill(Number.NaN)));
  await device.write(adjustments.bias, Float32Array.from(biases.flatMap((row) => [...row])));

  const program = new Program("sample");
  const kind = settings.map(sampleKind).reduce(unionKind);
  recordSample(program, { logits: all, state, adjustments, scratch, next, chosen }, kind);
  const prepared = await device.prepare(program);
  return {
    state,
    chosen,
    next,
    async run(times: number) {
      // Of those that are changed the model makes new ones each time.
      const atOnce = kind.adjust ? 1 : times;
      for (let done = 0; done < times; done += atOnce) {
        await device.write(all, model);
        await device.run([prepared], { tokens: count, times: atOnce });
      }
    },
    dispose: () => {
      for (const { storage } of tensors) storage.dispose();
    },
  };
}

/** Ids of each row, one after another: [rows][draws]. */
async function draw(device: Device, logits: Float32Array, rows: readonly Row[], draws: number): Promise<number[][]> {
  const sampler = await createSampler(device, logits, rows, draws);
  await sampler.run(draws);
  const ids = await device.readU32(sampler.chosen);
  const last = await device.readU32(sampler.next);
  sampler.dispose();
  const result = rows.map((_, row) => [...ids.subarray(row * draws, (row + 1) * draws)]);
  expect([...last]).toEqual(result.map((own) => own.at(-1)));
  return result;
}

/** Ids of so many rows that are alike but for their step: what was drawn before is no part of the text. */
async function drawApart(device: Device, logits: Float32Array, row: Row, draws: number): Promise<Uint32Array> {
  const sampler = await createSampler(device, logits, Array(draws).fill(row), 1);
  await device.write(
    sampler.state.steps,
    Uint32Array.from({ length: draws }, (_, step) => step),
  );
  await sampler.run(1);
  const ids = await device.readU32(sampler.next);
  sampler.dispose();
  return ids;
}

/** Probabilities 0.1, 0.4, 0.2, 0.3 of ids 0 to 3. */
const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
const DRAWS = 10_000;

const BIAS: [number, number][] = [
  [1, -1.5],
  [2, 0.7],
];
const BANS = [0, 1, 3].map((id): [number, number] => [id, Number.NEGATIVE_INFINITY]);

/** Each option alone, and several together. */
const SAMPLERS: Row[] = [
  {},
  { temperature: 0.5 },
  { topK: 2 },
  { topP: 0.75 },
  { topP: 0.69 },
  { topK: 3, topP: 0.5 },
  { topP: 1e-9 },
  { topK: 1 },
  { topK: 100 },
  { minP: 0.45 },
  { minP: 1 },
  { minP: 0.7, temperature: 2 },
  { temperature: 1e-3 },
  { typicalP: 0.3 },
  { typicalP: 0.6 },
  { typicalP: 0.9, temperature: 1.7 },
  { typicalP: 0.5, topK: 3 },
  { typicalP: 0.8, minP: 0.3, temperature: 1.4 },
  { repetitionPenalty: 1.7, prompt: [1], chosen: [0] },
  { frequencyPenalty: 0.4, chosen: [1, 1, 3] },
  { frequencyPenalty: -0.5, presencePenalty: 1, chosen: [1, 1, 1, 2] },
  { presencePenalty: 0.9, prompt: [3], chosen: [1] },
  { bias: BIAS },
  { bias: [[1, -100]] },
  { bias: [[1, -1e30]], temperature: 1e9 },
  { bias: BANS },
  // At these temperatures all that is possible is alike, or nothing but the likeliest is left.
  { bias: [[1, Number.NEGATIVE_INFINITY]], temperature: 1e30 },
  { bias: [[1, Number.NEGATIVE_INFINITY]], temperature: 1e-30, repetitionPenalty: 1e-20, prompt: [1] },
  { minTokens: 1e9, ends: [1, 3] },
  { minTokens: 0, ends: [1, 3] },
  { minTokens: 1e9, ends: [1], bias: BANS.slice(0, 1), temperature: 1.5 },
  {
    ...{ bias: [[0, 1]], repetitionPenalty: 1.2, frequencyPenalty: 0.2, presencePenalty: 0.1, chosen: [1, 2, 2] },
    ...{ temperature: 1.3, topK: 3, topP: 0.95, minP: 0.05, typicalP: 0.9, prompt: [0] },
  },
];

describe.each(testDevices())("sampling on $label", ({ open }) => {
  test.each(SAMPLERS.map((row, index) => ({ name: nameOf(row), row: { ...row, seed: index + 1 } })))(
    "draws have exactly the distribution that was asked for: $name",
    async ({ row }) => {
      const drawn = await drawApart(await open(), logits, row, DRAWS);
      const bias = logits.map((_, id) => row.bias?.find(([own]) => own === id)?.[1] ?? 0);
      const expected = sampleDistribution(logits, settingsOf(row), { marks: marksOfRow(row, logits.length), bias });
      let chiSquare = 0;
      for (const [id, probability] of expected.entries()) {
        const count = drawn.reduce((sum, own) => sum + (own === id ? 1 : 0), 0);
        if (probability < 1e-12) expect(count, `id ${id}`).toBe(0);
        else chiSquare += (count - DRAWS * probability) ** 2 / (DRAWS * probability);
      }
      // At most 3 degrees of freedom: 16.3 is exceeded by one sampler in a thousand.
      expect(chiSquare).toBeLessThan(16.3);
    },
  );

  test("each row of a run is sampled as it would be alone, whatever the others want", async () => {
    const rows: Row[] = [
      { greedy: true },
      // Of those who take the likeliest, what leaves ids out is of no account.
      { greedy: true, typicalP: 0.2, topK: 1, temperature: 9 },
      { seed: 2 },
      { seed: 3, temperature: 0.5, topK: 2 },
      { seed: 4, typicalP: 0.5 },
      { seed: 4, typicalP: 0.5, topP: 0.8 },
      { seed: 5, repetitionPenalty: 1.5, prompt: [1] },
      { greedy: true, frequencyPenalty: 0.6 },
      { seed: 6, bias: [[3, 2]] },
      { seed: 7, minP: 0.6, minTokens: 30, ends: [3] },
    ];
    const device = await open();
    const together = await draw(device, logits, rows, 40);
    for (const [index, row] of rows.entries()) {
      expect(together[index], nameOf(row)).toEqual((await draw(device, logits, [row], 40))[0]);
    }
    expect(new Set(together[0])).toEqual(new Set([1]));
    expect(new Set(together[7])).not.toEqual(new Set([1]));
  });

  test("a text cannot end before it has so many tokens", async () => {
    const row = { greedy: true, minTokens: 3, ends: [1, 3] };
    const [ids] = await draw(await open(), logits, [row], 5);
    expect(ids).toEqual([2, 2, 2, 1, 1]);
  });

  test("draws of a large vocabulary are even, far beyond what a slice holds", async () => {
    const vocab = 2000;
    const [ids = []] = await draw(await open(), new Float32Array(vocab), [{ seed: 12 }], DRAWS);
    const counts = new Array<number>(20).fill(0);
    for (const id of ids) counts[Math.floor(id / 100)] = Number(counts[Math.floor(id / 100)]) + 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - DRAWS / 20) ** 2 / (DRAWS / 20), 0);
    expect(chiSquare).toBeLessThan(43.8); // 19 degrees of freedom, 0.1 %
  });

  test("one draw says nothing about the next", async () => {
    const [ids = []] = await draw(await open(), new Float32Array(2), [{ seed: 13 }], DRAWS);
    const pairs = [0, 0, 0, 0];
    for (let i = 0; i < DRAWS; i += 2) pairs[Number(ids[i]) * 2 + Number(ids[i + 1])]!++;
    const chiSquare = pairs.reduce((sum, count) => sum + (count - DRAWS / 8) ** 2 / (DRAWS / 8), 0);
    expect(chiSquare).toBeLessThan(16.3);
  });

  test("a sequence draws the same alone and among others, on every device", async () => {
    const rows = [{ seed: 11 }, { seed: 12 }, { seed: 11, topK: 3 }, { seed: 11 }];
    const together = await draw(await open(), logits, rows, 50);
    const [alone] = await draw(await open(), logits, [{ seed: 11 }], 50);
    expect(together[0]).toEqual(alone);
    expect(together[3]).toEqual(alone);
    expect(together[1]).not.toEqual(alone);
    expect(alone?.slice(0, 12)).toEqual(FIRST_OF_SEED_11);
  });

  test("penalties keep from saying things again, by what was chosen and what the prompt has", async () => {
    const cold = { temperature: 1e-3 };
    const positive = Float32Array.of(1, 4.5, 2, 3);
    const drawn = await draw(
      await open(),
      positive,
      [
        { ...cold, repetitionPenalty: 1e6 },
        { ...cold, repetitionPenalty: 1e6, prompt: [1, 2] },
        { ...cold, frequencyPenalty: 2 },
        { ...cold, presencePenalty: 2, prompt: [1] },
      ],
      6,
    );
    expect(drawn[0]?.slice(0, 4)).toEqual([1, 3, 2, 0]);
    expect(drawn[1]?.slice(0, 2)).toEqual([3, 0]);
    expect(drawn[2]?.slice(0, 4)).toEqual([1, 3, 1, 2]);
    expect(drawn[3]?.slice(0, 3)).toEqual([1, 3, 1]);
  });
});

/** Pinned, so that a seed means the same text in every version. */
const FIRST_OF_SEED_11 = [1, 1, 1, 2, 3, 1, 3, 1, 1, 1, 3, 1];
