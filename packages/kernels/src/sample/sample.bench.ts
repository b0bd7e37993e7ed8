import { kernelBench, PUBLISHED_SHAPES, type RandomTensors } from "@blackmamba/bench";
import type { Tensor } from "@blackmamba/tensor";
import { createSampleScratch, recordSample, sampleKind } from "./sample.ts";
import { encodeSettings, type SampleSettings, SETTINGS_WIDTH } from "./settings.ts";

const ALL = { seed: 1, temperature: 0.8, topK: Number.POSITIVE_INFINITY, topP: 1, minP: 0, repetitionPenalty: 1 };

const KINDS: readonly [name: string, greedy: boolean, options: Partial<SampleSettings>][] = [
  ["likeliest", true, {}],
  ["drawn", false, {}],
  ["drawn, top-k 40", false, { topK: 40 }],
  ["drawn, top-p 0.95", false, { topP: 0.95 }],
  ["drawn, top-k 40, top-p 0.95, min-p 0.05", false, { topK: 40, topP: 0.95, minP: 0.05 }],
  ["drawn, penalty", false, { repetitionPenalty: 1.2 }],
];

export const bench = kernelBench(
  "sample",
  // Both published models have the same vocabulary.
  PUBLISHED_SHAPES.slice(0, 1).flatMap(({ vocab }) =>
    [1, 32].flatMap((rows) =>
      KINDS.map(([kind, greedy, options]) => ({
        name: `${vocab} ids, ${kind}, ${rows} ${rows === 1 ? "sequence" : "sequences"}`,
        tokens: rows,
        async record(program, make) {
          const settings = { ...ALL, ...options };
          const encoded = await make.indices(Array.from({ length: rows }, () => [...encodeSettings(settings)]).flat());
          const u32 = (shape: readonly number[]) => make.zeros(shape, "u32");
          recordSample(
            program,
            {
              logits: make.random([rows, vocab], "f32", { deviation: 3 }),
              state: {
                settings: asRows(encoded, rows),
                steps: u32([rows]),
                seen: u32([rows, Math.ceil(vocab / 32)]),
              },
              scratch: scratchOf(make, rows, vocab),
              next: u32([rows]),
              chosen: u32([rows, 1]),
            },
            sampleKind({ ...settings, greedy }),
          );
        },
        byteLength: rows * vocab * 4,
        flops: 0,
      })),
    ),
  ),
);

function scratchOf(make: RandomTensors, rows: number, vocab: number) {
  return createSampleScratch({ createTensor: (dtype, shape) => make.zeros(shape, dtype) }, rows, vocab);
}

function asRows(tensor: Tensor, rows: number): Tensor {
  return { ...tensor, shape: [rows, SETTINGS_WIDTH], rowStride: SETTINGS_WIDTH };
}
