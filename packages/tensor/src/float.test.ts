import { expect, test } from "vitest";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./float.ts";

test("every float16 survives the way to float32 and back", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = f16ToF32(bits);
    if (Number.isNaN(value)) expect(Number.isNaN(f16ToF32(f32ToF16(value)))).toBe(true);
    else if (f32ToF16(value) !== bits) expect.fail(`${bits} became ${f32ToF16(value)}`);
  }
});

test("every bfloat16 survives the way to float32 and back", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = bf16ToF32(bits);
    if (Number.isNaN(value)) expect(Number.isNaN(bf16ToF32(f32ToBf16(value)))).toBe(true);
    else if (f32ToBf16(value) !== bits) expect.fail(`${bits} became ${f32ToBf16(value)}`);
  }
});

test("known values", () => {
  expect(f16ToF32(0x3c00)).toBe(1);
  expect(f16ToF32(0x0001)).toBe(2 ** -24);
  expect(f16ToF32(0x7bff)).toBe(65504);
  expect(f16ToF32(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
  expect(bf16ToF32(0x4049)).toBe(3.140625);
});

test("rounding goes to the nearest, ties to even", () => {
  expect(f32ToF16(1 + 2 ** -11)).toBe(0x3c00);
  expect(f32ToF16(1 + 3 * 2 ** -11)).toBe(0x3c02);
  expect(f32ToF16(65519)).toBe(0x7bff);
  expect(f32ToF16(65520)).toBe(0x7c00);
  expect(f32ToF16(2 ** -25)).toBe(0);
  expect(f32ToF16(1.5 * 2 ** -24)).toBe(2);
  // A carry that makes a subnormal normal, and one that raises the exponent.
  expect(f32ToF16(2 ** -14 - 2 ** -26)).toBe(0x0400);
  expect(f32ToF16(2 - 2 ** -12)).toBe(0x4000);
  expect(f32ToBf16(1 + 2 ** -8)).toBe(0x3f80);
  expect(f32ToBf16(1 + 3 * 2 ** -8)).toBe(0x3f82);
});

test("between every two float16 neighbours, of either sign, the halfway point is where rounding turns", () => {
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  /** The float32 that is so many further from zero. */
  const step = (value: number, steps: number) => {
    float[0] = value;
    word[0] = (word[0] as number) + steps;
    return float[0] as number;
  };
  for (let bits = 0; bits < 0x7bff; bits++) {
    // Exact as a float32, which has 13 bits more.
    const halfway = (f16ToF32(bits) + f16ToF32(bits + 1)) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const cases = [
      ...([
        [step(halfway, -1), bits] as const,
        [halfway, even] as const,
        [step(halfway, 1), bits + 1] as const,
      ] as const),
      // Not a float32: nearer to the halfway point than the next one is.
      ...([[halfway * (1 + 2 ** -40), bits + 1] as const, [halfway * (1 - 2 ** -40), bits] as const] as const),
    ];
    for (const [value, expected] of cases) {
      if (f32ToF16(value) !== expected) expect.fail(`${value} became ${f32ToF16(value)}, not ${expected}`);
      if (f32ToF16(-value) !== (expected | 0x8000)) expect.fail(`${-value} became ${f32ToF16(-value)}`);
    }
  }
});
