import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, QUANT_BLOCK } from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import { QUANTIZERS } from "./quantize.ts";
import { quantizeBits, roomFor } from "./quantize-bits.ts";

const WIDEN = { bf16: bf16ToF32, f16: f16ToF32 };
const NARROW = { bf16: f32ToBf16, f16: f32ToF16 };

/** The same numbers each time, −1 to 1. */
function random(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
}

describe.each(["bf16", "f16"] as const)("from %s", (from) => {
  describe.each(["q8_0", "q4_0"] as const)("to %s, bit for bit as from float32", (dtype) => {
    function quantized(bits: Uint16Array) {
      const room = roomFor(dtype, bits.length / QUANT_BLOCK);
      const done = quantizeBits(dtype, from, bits, room.values, room.scales);
      return done ? room : undefined;
    }
    const plain = (bits: Uint16Array) => QUANTIZERS[dtype](Float32Array.from(bits, WIDEN[from]));

    test("numbers of every size, zeros and ties", () => {
      const blocks = 4000;
      const scale = random(blocks, 7);
      const numbers = random(blocks * QUANT_BLOCK, 3).map((value, index) => {
        // From the smallest subnormals to nearly the largest scale.
        const exponent = Math.floor((scale[Math.floor(index / QUANT_BLOCK)] as number) * (from === "bf16" ? 149 : 24));
        return index % 11 === 0 ? 0 : value * 2 ** Math.min(exponent, from === "bf16" ? 18 : 15);
      });
      const bits = Uint16Array.from(numbers, NARROW[from]);
      // A block of zeros of either sign, one of equal magnitudes, and one that falls between two values all along.
      bits.fill(0, 0, 32);
      bits.fill(0x8000, 16, 32);
      for (let i = 32; i < 64; i++) bits[i] = NARROW[from](i % 2 ? 3 : -3);
      for (let i = 64; i < 96; i++) bits[i] = NARROW[from](i === 64 ? 127 : (i - 80) / 2);
      const found = quantized(bits);
      const expected = plain(bits);
      expect(found?.scales).toEqual(expected.scales);
      expect(found?.values).toEqual(expected.values);
    });

    test("every pattern that is a number, in blocks of such as have a scale", () => {
      const finite = Array.from({ length: 1 << 16 }, (_, bits) => bits).filter(
        (bits) => Math.abs(WIDEN[from](bits)) < 500_000,
      );
      // Neighbours far apart, so that there are large and small ones in each block.
      const count = finite.length - (finite.length % QUANT_BLOCK);
      const bits = Uint16Array.from({ length: count }, (_, index) => finite[(index * 7919) % count] as number);
      expect(quantized(bits)).toEqual(plain(bits));
    });

    test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("%d has no scale", (value) => {
      const bits = new Uint16Array(64);
      bits[40] = NARROW[from](value);
      expect(quantized(bits)).toBeUndefined();
      expect(() => plain(bits)).toThrow("no float16 scale fits it");
    });
  });
});

test.each(["q8_0", "q4_0"] as const)("a number that is too large has no scale as %s", (dtype) => {
  const bits = new Uint16Array(32).fill(f32ToBf16(1e10));
  const room = roomFor(dtype, 1);
  expect(quantizeBits(dtype, "bf16", bits, room.values, room.scales)).toBe(false);
});
