import { expect, test } from "vitest";
import { philox, uniform } from "./philox.ts";

test("the known answers of the authors' test suite (Random123, kat_vectors)", () => {
  expect(philox(0, 0, 0)).toEqual([0xff1dae59, 0x6cd10df2]);
  expect(philox(0xffffffff, 0xffffffff, 0xffffffff)).toEqual([0x2c3f628b, 0xab4fd7ad]);
  expect(philox(0x243f6a88, 0x85a308d3, 0x13198a2e)).toEqual([0xdd7ce038, 0xf62a4c12]);
});

test("uniform numbers fill [0, 1) evenly, and seeds differ", () => {
  const counts = new Array<number>(16).fill(0);
  for (let n = 0; n < 16000; n++) {
    const cell = Math.floor(uniform(7, n) * 16);
    counts[cell] = Number(counts[cell]) + 1;
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  expect(chiSquare).toBeLessThan(37.7); // 15 degrees of freedom, 0.1 %
  expect(uniform(7, 0)).not.toBe(uniform(8, 0));
  expect(uniform(7, 2 ** 32)).not.toBe(uniform(7, 0));
});
