import { expect, test } from "vitest";
import { crc32 } from "./crc32.ts";

test("is zip's checksum", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});

test("comes out the same however the bytes are cut and wherever they lie in memory", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => (index * 2_654_435_761) >>> 24);
  const whole = crc32(bytes);
  for (const cut of [1, 3, 16, 17, 500, 999]) {
    expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(whole);
    const moved = new Uint8Array(cut + bytes.length);
    moved.set(bytes, cut);
    expect(crc32(moved.subarray(cut))).toBe(whole);
  }
});
