import { f32ToBf16, f32ToF16, type HostOperands, u32 } from "@blackmamba/tensor";
import type { RandomWordsOperands, RandomWordsParams } from "./random-words.ts";
import { SUM_DEVIATION, seedHash } from "./word-sums.ts";

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

export function randomWordsReference(
  { out }: HostOperands<RandomWordsOperands>,
  { encoding, seed, firstWord = 0, mean = 0, deviation = 1 }: RandomWordsParams,
): void {
  const words = u32(out);
  const start = seedHash(seed);
  const step = deviation / SUM_DEVIATION.float;
  const element = (h: number) => Math.fround(Math.fround(mean) + Math.fround(step) * (sumOfBytes(h) - 510));
  const scale = (h: number) => f32ToF16(deviation * (0.75 + (h & 255) / 510));
  for (let i = 0; i < words.length; i++) {
    const h = hash((start + firstWord + i) | 0);
    switch (encoding) {
      case "f32":
        float[0] = element(h);
        words[i] = bits[0];
        break;
      case "bf16":
        words[i] = f32ToBf16(element(h)) | (f32ToBf16(element(hash(h))) << 16);
        break;
      case "f16":
        words[i] = f32ToF16(element(h)) | (f32ToF16(element(hash(h))) << 16);
        break;
      case "q8_0":
        words[i] = signedBytes(h, hash(h));
        break;
      case "q4_0":
        words[i] = sumsOfNibbles(h, hash(h));
        break;
      case "scales":
        words[i] = scale(h) | (scale(h >>> 8) << 16);
        break;
    }
  }
}

const LINEAR_STEP = 2891336453 | 0;

/**
 * PCG's output function over a linear congruential step (Jarzynski and Olano, JCGT 2020): one word in, one word out. Words are
 * signed here, as JavaScript computes fastest with those.
 */
export function hash(value: number): number {
  const state = (Math.imul(value, 747796405) + LINEAR_STEP) | 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737);
  return (word >>> 22) ^ word;
}

/** Of its four bytes, two of them at a time. */
export function sumOfBytes(h: number): number {
  const sums = (h & 0xff00ff) + ((h >>> 8) & 0xff00ff);
  return (sums + (sums >>> 16)) & 0xffff;
}

/** Four bytes −127 … 127, each the sum of two of 0 … 127 less 127. */
function signedBytes(a: number, b: number): number {
  let word = 0;
  for (let at = 0; at < 32; at += 8) word |= ((((a >>> at) & 127) + ((b >>> at) & 127) - 127) & 255) << at;
  return word;
}

/** Eight nibbles 1 … 15, each the sum of two of 0 … 7 plus 1. */
function sumsOfNibbles(a: number, b: number): number {
  let word = 0;
  for (let at = 0; at < 32; at += 4) word |= (((a >>> at) & 7) + ((b >>> at) & 7) + 1) << at;
  return word;
}
