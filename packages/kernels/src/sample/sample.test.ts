import { type Device, Program, type Tensor } from "@blackmamba/tensor";
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import {
  createSampleScratch,
  createSampleState,
  recordSample,
  type SampleKind,
  sampleKind,
  seenBitmap,
} from "./sample.ts";
import { encodeSettings, type SampleSettings } from "./settings.ts";

const ALL = { seed: 1, temperature: 1, topK: Number.POSITIVE_INFINITY, topP: 1, minP: 0, repetitionPenalty: 1 };

interface Row extends Partial<SampleSettings> {
  readonly seen?: readonly number[];
}

/** Ids of each row: [rows][draws]. */
async function draw(device: Device, logits: Float32Array, rows: readonly Row[], draws: number): Promise<number[][]> {
  const vocab = logits.length;
  const tensors: Tensor[] = [];
  const allocator = {
    createTensor: (...of: Parameters<Device["createTensor"]>) => {
      tensors.push(device.createTensor(...of));
      return tensors.at(-1) as Tensor;
    },
  };
  const all = allocator.createTensor("f32", [rows.length, vocab], "logits");
  const next = allocator.createTensor("u32", [rows.length], "next");
  const chosen = allocator.createTensor("u32", [rows.length, draws], "chosen");
  const state = createSampleState(allocator, rows.length, vocab);
  const scratch = createSampleScratch(allocator, rows.length, vocab);
  const settings = rows.map((row) => ({ ...ALL, ...row }));
  await device.write(
    all,
    Float32Array.from({ length: rows.length * vocab }, (_, i) => Number(logits[i % vocab])),
  );
  await device.write(state.settings, Uint32Array.from(settings.flatMap((row) => [...encodeSettings(row)])));
  await device.write(state.seen, Uint32Array.from(rows.flatMap(({ seen = [] }) => [...seenBitmap(seen, vocab)])));

  const kinds = settings.map((row) => sampleKind({ ...row, greedy: false }));
  const kind = (name: keyof SampleKind) => kinds.some((own) => own[name]);
  const program = new Program("sample");
  const is = { noise: kind("noise"), cut: kind("cut"), penalty: kind("penalty") };
  recordSample(program, { logits: all, state, scratch, next, chosen }, is);
  await device.run([await device.prepare(program)], { tokens: rows.length, times: draws });
  const ids = await device.readU32(chosen);
  const last = await device.readU32(next);
  for (const { storage } of tensors) storage.dispose();
  const result = rows.map((_, row) => [...ids.subarray(row * draws, (row + 1) * draws)]);
  expect([...last]).toEqual(result.map((own) => own.at(-1)));
  return result;
}

/** Probabilities 0.1, 0.4, 0.2, 0.3 of ids 0 to 3. */
const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
const DRAWS = 10_000;

describe.each(testDevices())("sampling on $label", ({ open }) => {
  test("draws have the distribution that was asked for", async () => {
    const cases: [Row, number[]][] = [
      [{ seed: 1 }, [0.1, 0.4, 0.2, 0.3]],
      [{ seed: 1, temperature: 0.5 }, [0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3]],
      [{ seed: 2, topK: 2 }, [0, 4 / 7, 0, 3 / 7]],
      [{ seed: 3, topP: 0.75 }, [0, 4 / 9, 2 / 9, 3 / 9]],
      [{ seed: 3, topP: 0.69 }, [0, 4 / 7, 0, 3 / 7]],
      [{ seed: 4, topK: 3, topP: 0.5 }, [0, 4 / 7, 0, 3 / 7]],
      [{ seed: 4, topP: 1e-9 }, [0, 1, 0, 0]],
      [{ seed: 5, topK: 1 }, [0, 1, 0, 0]],
      [{ seed: 5, topK: 100 }, [0.1, 0.4, 0.2, 0.3]],
      [{ seed: 6, minP: 0.45 }, [0, 4 / 9, 2 / 9, 3 / 9]],
      [{ seed: 7, minP: 1 }, [0, 1, 0, 0]],
      // At temperature 2 probabilities are as the square roots: 0.2 / 0.4 is above 0.7 then, 0.1 / 0.4 is not.
      [
        { seed: 8, minP: 0.7, temperature: 2 },
        [0, 2, Math.SQRT2, Math.sqrt(3)].map((p) => p / (2 + Math.SQRT2 + Math.sqrt(3))),
      ],
      [{ seed: 9, temperature: 1e-3 }, [0, 1, 0, 0]],
    ];
    const drawn = await draw(
      await open(),
      logits,
      cases.map(([row]) => row),
      DRAWS,
    );
    for (const [index, [row, expected]] of cases.entries()) {
      let chiSquare = 0;
      for (const [id, probability] of expected.entries()) {
        const count = drawn[index]?.filter((own) => own === id).length ?? 0;
        if (probability === 0) expect(count, `id ${id} of ${JSON.stringify(row)}`).toBe(0);
        else chiSquare += (count - DRAWS * probability) ** 2 / (DRAWS * probability);
      }
      // At most 3 degrees of freedom: 16.3 is exceeded by one sampler in a thousand.
      expect(chiSquare, JSON.stringify(row)).toBeLessThan(16.3);
    }
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

  test("the penalty keeps from saying things again, from the prompt and from what was chosen", async () => {
    const penalized = { temperature: 1e-3, repetitionPenalty: 1e6 };
    const positive = Float32Array.of(1, 4, 2, 3);
    const drawn = await draw(await open(), positive, [penalized, { ...penalized, seen: [1, 2] }], 4);
    expect(drawn[0]).toEqual([1, 3, 2, 0]);
    expect(drawn[1]?.slice(0, 2)).toEqual([3, 0]);
  });
});

/** Pinned, so that a seed means the same text in every version. */
const FIRST_OF_SEED_11 = [1, 1, 1, 2, 3, 1, 3, 1, 1, 1, 3, 1];
