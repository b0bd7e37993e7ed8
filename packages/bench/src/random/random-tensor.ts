/**
 * Tensors of pseudo-random elements, made on the device: a model of gigabytes without a file, and without a byte that
 * crosses from the host.
 */
import {
  type ByteRange,
  type Device,
  type DType,
  Program,
  rows,
  ShapeError,
  splitPoints,
  type Tensor,
} from "@blackmamba/tensor";
import { randomWords, type WordEncoding } from "./random-words.ts";
import { SUM_DEVIATION } from "./word-sums.ts";

/** What a random tensor's elements are like. */
export interface RandomTensorOptions {
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Default 0. Quantised elements have no other. */
  readonly mean?: number | undefined;
  /** Standard deviation of the elements; none is further from the mean than 3.5 of these. Default 1. */
  readonly deviation?: number | undefined;
}

/**
 * Overwrites a tensor with pseudo-random elements; the same seed gives the same on every device, to the rounding of a float.
 *
 * @param tensor - of any float type; no view
 * @throws ShapeError for u32
 */
export async function fillRandom(device: Device, tensor: Tensor, options: RandomTensorOptions = {}): Promise<void> {
  const program = new Program(`random ${tensor.label}`);
  recordRandom(program, tensor, options);
  await device.run([await device.prepare(program)]);
}

/** Records what {@link fillRandom} runs. */
export function recordRandom(
  program: Program,
  tensor: Tensor,
  { seed = 0, mean = 0, deviation = 1 }: RandomTensorOptions = {},
): void {
  const { dtype, values, scales } = tensor;
  if (dtype === "u32") throw new ShapeError(`random ${tensor.label}: expected a float type, found u32`);
  fill(program, tensor, values, dtype, { seed, mean, deviation });
  if (!scales || (dtype !== "q8_0" && dtype !== "q4_0")) return;
  // The blocks' scales vary by a quarter around their mean, so the elements' deviation is a little more than asked for.
  fill(program, tensor, scales, "scales", {
    seed: seed + 0x5ca1e5,
    mean: 0,
    deviation: deviation / SUM_DEVIATION[dtype],
  });
}

function fill(
  program: Program,
  tensor: Tensor,
  range: ByteRange,
  encoding: WordEncoding,
  { seed, mean, deviation }: { readonly seed: number; readonly mean: number; readonly deviation: number },
): void {
  const all = wordsOf(tensor, range);
  const points = splitPoints(all);
  for (let piece = 0; piece + 1 < points.length; piece++) {
    const [firstWord, end] = [points[piece], points[piece + 1]];
    program.call(randomWords, { out: rows(all, firstWord, end) }, { encoding, seed, firstWord, mean, deviation });
  }
}

/** A range of a tensor's storage as u32 [words]; storages are whole words. */
function wordsOf({ label, storage }: Tensor, { byteOffset, byteLength }: ByteRange): Tensor {
  const words = Math.ceil(byteLength / 4);
  const values = { byteOffset, byteLength: words * 4 };
  return { label, dtype: "u32", shape: [words], offset: 0, rowStride: words, values, storage };
}

/** Makes random tensors for a bench: they are there once {@link RandomTensors.filled} has resolved. */
export class RandomTensors {
  readonly #device: Device;
  readonly #tensors: Tensor[] = [];
  #program = new Program("random tensors");

  constructor(device: Device) {
    this.#device = device;
  }

  /** Pseudo-random elements, other ones with each call. */
  random(shape: readonly number[], dtype: Exclude<DType, "u32"> = "f32", options: RandomTensorOptions = {}): Tensor {
    const tensor = this.zeros(shape, dtype);
    recordRandom(this.#program, tensor, { seed: this.#tensors.length, ...options });
    return tensor;
  }

  /** Zeros: for outputs. */
  zeros(shape: readonly number[], dtype: DType = "f32"): Tensor {
    const tensor = this.#device.createTensor(dtype, shape, `tensor ${this.#tensors.length}`);
    this.#tensors.push(tensor);
    return tensor;
  }

  /** The given whole numbers: for indices. */
  async indices(values: ArrayLike<number>): Promise<Tensor> {
    const tensor = this.zeros([values.length], "u32");
    await this.#device.write(tensor, Uint32Array.from(values));
    return tensor;
  }

  /** Resolves when everything asked for so far has its elements. */
  async filled(): Promise<void> {
    const program = this.#program;
    this.#program = new Program("random tensors");
    await this.#device.run([await this.#device.prepare(program)]);
  }

  /** Frees all of them. */
  dispose(): void {
    for (const { storage } of this.#tensors.splice(0)) storage.dispose();
  }
}
