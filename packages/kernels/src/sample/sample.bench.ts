import { kernelBench, PUBLISHED_SHAPES, type RandomTensors } from "@blackmamba/bench";
import type { Tensor, TensorAllocator } from "@blackmamba/tensor";
import { createAdjustments, createSampleScratch, recordSample, sampleKind } from "./sample.ts";
import { encodeSettings, PLAIN_SETTINGS, type SampleSettings, SETTINGS_WIDTH } from "./settings.ts";

const ALL: SampleSettings = { ...PLAIN_SETTINGS, seed: 1, temperature: 0.8 };

const KINDS: readonly [name: string, options: Partial<SampleSettings>][] = [
  ["likeliest", { greedy: true }],
  ["drawn", {}],
  ["drawn, top-k 40", { topK: 40 }],
  ["drawn, top-p 0.95", { topP: 0.95 }],
  ["drawn, top-k 40, top-p 0.95, min-p 0.05", { topK: 40, topP: 0.95, minP: 0.05 }],
  ["drawn, typical 0.9", { typicalP: 0.9 }],
  ["drawn, penalty", { repetitionPenalty: 1.2 }],
  ["drawn, top-p 0.95, typical 0.9, penalty", { topP: 0.95, typicalP: 0.9, repetitionPenalty: 1.2 }],
];

export const bench = kernelBench(
  "sample",
  // Both published models have the same vocabulary.
  PUBLISHED_SHAPES.slice(0, 1).flatMap(({ vocab }) =>
    [1, 32].flatMap((rows) =>
      KINDS.map(([kind, options]) => ({
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
              },
              adjustments: createAdjustments(allocatorOf(make), rows, vocab),
              scratch: createSampleScratch(allocatorOf(make), rows, vocab),
              next: u32([rows]),
              chosen: u32([rows, 1]),
            },
            sampleKind(settings),
          );
        },
        byteLength: rows * vocab * 4,
        flops: 0,
      })),
    ),
  ),
);

function allocatorOf(make: RandomTensors): TensorAllocator {
  return { createTensor: (dtype, shape) => make.zeros(shape, dtype) };
}

function asRows(tensor: Tensor, rows: number): Tensor {
  return { ...tensor, shape: [rows, SETTINGS_WIDTH], rowStride: SETTINGS_WIDTH };
}
