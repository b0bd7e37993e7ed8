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
