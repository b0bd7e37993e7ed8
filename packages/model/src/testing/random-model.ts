/**
 * Models of any configuration with random weights, in memory.
 */
import { tensorFromBytes, writeSafetensors } from "@blackmamba/checkpoint";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "@blackmamba/tensor";
import { randomNumbers } from "@blackmamba/testing";
import { parseConfig } from "../config/config.ts";
import type { ModelParts } from "../source/open-model.ts";
import { weightsOf, weightTable } from "../weights/weight-table.ts";
import { memorySink } from "./memory-sink.ts";
import type { PlainConfig } from "./plain-model.ts";

/** A model's files, and the values its weights have once rounded to the file's type. */
export interface RandomModel {
  readonly parts: ModelParts;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

const ENCODINGS = {
  f32: { bytes: (values: Float32Array) => values, round: (value: number) => value },
  f16: {
    bytes: (values: Float32Array) => Uint16Array.from(values, f32ToF16),
    round: (v: number) => f16ToF32(f32ToF16(v)),
  },
  bf16: {
    bytes: (values: Float32Array) => Uint16Array.from(values, f32ToBf16),
    round: (v: number) => bf16ToF32(f32ToBf16(v)),
  },
};

/** Makes a model; `change` may replace the list of tensors, for damaged checkpoints. */
export async function randomModel(
  config: PlainConfig,
  dtype: keyof typeof ENCODINGS,
  change = (tensors: ReturnType<typeof tensorFromBytes>[]) => tensors,
): Promise<RandomModel> {
  const weights = new Map<string, Float32Array>();
  const tensors = [];
  const { bytes, round } = ENCODINGS[dtype];
  for (const { names, shape } of weightsOf(weightTable(parseConfig(config)))) {
    for (const name of names) {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = randomNumbers(weights.size + 1, count).map((value) =>
        round(initial(name, value, shape.at(-1) ?? 1)),
      );
      weights.set(name, values);
      const encoded = bytes(values);
      tensors.push(tensorFromBytes({ name, dtype, shape }, new Uint8Array(encoded.buffer)));
    }
  }
  const written = change(tensors);
  for (const name of weights.keys()) if (!written.some((tensor) => tensor.name === name)) weights.delete(name);
  return { parts: { config, weights: await writeToMemory(written) }, weights };
}

/** Of the size a trained model's weights have, so that no layer is lost in another's noise. */
function initial(name: string, random: number, inputs: number): number {
  if (name.endsWith("A_log")) return 0.5 * random + 0.5;
  if (name.endsWith("dt_proj.bias")) return random - 3;
  if (name.endsWith("norm.weight") || name.endsWith("norm_moe.weight") || name.endsWith(".D")) return 1 + 0.2 * random;
  if (name.includes("embedding")) return random;
  return name.endsWith("bias") ? 0.3 * random : random / Math.sqrt(inputs);
}

async function writeToMemory(tensors: ReturnType<typeof tensorFromBytes>[]): Promise<Blob> {
  const sink = memorySink();
  await writeSafetensors(tensors, sink);
  return sink.blob();
}
