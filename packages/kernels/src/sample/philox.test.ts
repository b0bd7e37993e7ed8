import { expect, test } from "vitest";
import { philox } from "./philox.ts";

const block = (counter0: number, counter1: number, key: number) => {
  const words = new Uint32Array(2);
  philox(counter0, counter1, key, words);
  return [...words];
};

test("the known answers of the authors' test suite (Random123, kat_vectors)", () => {
  expect(block(0, 0, 0)).toEqual([0xff1dae59, 0x6cd10df2]);
  expect(block(0xffffffff, 0xffffffff, 0xffffffff)).toEqual([0x2c3f628b, 0xab4fd7ad]);
  expect(block(0x243f6a88, 0x85a308d3, 0x13198a2e)).toEqual([0xdd7ce038, 0xf62a4c12]);
});

test("words are even, and counters and seeds give others", () => {
  const counts = new Array<number>(16).fill(0);
  for (let n = 0; n < 8000; n++) {
    for (const word of block(n, 3, 7)) counts[word >>> 28] = Number(counts[word >>> 28]) + 1;
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  expect(chiSquare).toBeLessThan(37.7); // 15 degrees of freedom, 0.1 %
  expect(block(1, 0, 7)).not.toEqual(block(0, 1, 7));
  expect(block(0, 0, 8)).not.toEqual(block(0, 0, 7));
});
