/**
 * Golden models and what the reference computed with them.
 */
import { type Checkpoint, decodeTensor, openCheckpoint, requireTensor } from "@blackmamba/checkpoint";
import { readFixture } from "@blackmamba/testing";
import type { ModelParts } from "../source/open-model.ts";

/** Folders below `fixtures/golden`. */
export const GOLDEN_NAMES = ["blackmamba", "all-block-kinds", "softmax-top1"] as const;

/** A golden model's files, in memory. */
export async function goldenParts(name: string): Promise<ModelParts> {
  const [config, weights] = await Promise.all([
    readFixture(`golden/${name}/config.json`),
    readFixture(`golden/${name}/pytorch_model.bin`),
  ]);
  return { config, weights };
}

/** What the reference computed, by name. */
export class GoldenValues {
  readonly #checkpoint: Checkpoint;

  private constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
  }

  static async read(name: string): Promise<GoldenValues> {
    return new GoldenValues(await openCheckpoint(await readFixture(`golden/${name}/golden.safetensors`)));
  }

  has(name: string): boolean {
    return this.#checkpoint.tensors.has(name);
  }

  /** A tensor's values. */
  floats(name: string): Promise<Float32Array> {
    return decodeTensor(requireTensor(this.#checkpoint, name));
  }

  /** The token ids of the golden text. */
  async ids(name = "input_ids"): Promise<number[]> {
    const bytes = await requireTensor(this.#checkpoint, name).read();
    return [...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)];
  }
}

/** Token ids of any number, for the golden models' vocabulary of 512. */
export function text(length: number): number[] {
  return Array.from({ length }, (_, t) => (t * 31 + (t >> 4) * 7 + 5) % 512);
}
