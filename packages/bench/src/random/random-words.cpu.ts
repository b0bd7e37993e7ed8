/**
 * `random-words` in loops that a processor runs fast, bit for bit as its reference: an element of a float type is one of 1,021 sums,
 * so each is made once. Not here: quantised elements, which the reference makes fast enough.
 */
import { f32ToBf16, f32ToF16, type HostOperands, u32 } from "@blackmamba/tensor";
import { hash, randomWordsReference, sumOfBytes } from "./random-words.reference.ts";
import type { RandomWordsOperands, RandomWordsParams } from "./random-words.ts";
import { SUM_DEVIATION, seedHash } from "./word-sums.ts";

/** What {@link fillRandomWords} makes: as `randomWords` does. */
export interface RandomFloatsParams extends RandomWordsParams {
  readonly encoding: "f32" | "f16" | "bf16";
  /** What becomes of each element before it is encoded. By default nothing. */
  readonly map?: ((element: number) => number) | undefined;
}

/** Sums of four bytes: 0 … 1020. */
const SUMS = 4 * 255 + 1;

/** The kernel's twin. */
export function randomWordsCpu(operands: HostOperands<RandomWordsOperands>, params: RandomWordsParams): void {
  const { encoding } = params;
  if (encoding === "f32" || encoding === "f16" || encoding === "bf16") {
    fillRandomWords(u32(operands.out), { ...params, encoding });
  } else {
    randomWordsReference(operands, params);
  }
}

/** Fills words in this process's memory with what a device would fill them with. */
export function fillRandomWords(words: Uint32Array, params: RandomFloatsParams): void {
  const first = (seedHash(params.seed) + (params.firstWord ?? 0)) | 0;
  (params.encoding === "f32" ? fillSingles : fillPairs)(words, first, codesOf(params));
}

/** The bits of the element for each sum. */
function codesOf({ encoding, mean = 0, deviation = 1, map = (element) => element }: RandomFloatsParams): Uint32Array {
  const step = deviation / SUM_DEVIATION.float;
  const elements = Float32Array.from({ length: SUMS }, (_, sum) =>
    map(Math.fround(Math.fround(mean) + Math.fround(step) * (sum - 510))),
  );
  if (encoding === "f32") return new Uint32Array(elements.buffer);
  return Uint32Array.from(elements, encoding === "bf16" ? f32ToBf16 : f32ToF16);
}

function fillSingles(words: Uint32Array, first: number, codes: Uint32Array): void {
  for (let i = 0; i < words.length; i++) words[i] = codes[sumOfBytes(hash((first + i) | 0))] as number;
}

function fillPairs(words: Uint32Array, first: number, codes: Uint32Array): void {
  for (let i = 0; i < words.length; i++) {
    const h = hash((first + i) | 0);
    words[i] = (codes[sumOfBytes(h)] as number) | ((codes[sumOfBytes(hash(h))] as number) << 16);
  }
}
