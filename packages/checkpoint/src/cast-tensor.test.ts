import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import { castTensor, type FloatDType } from "./cast-tensor.ts";
import { decodeTensor } from "./decode-tensor.ts";
import { CastError } from "./errors.ts";
import { tensorFromBytes } from "./tensor-from.ts";
import { codedError } from "./testing/expect-error.ts";

function tensor(dtype: FloatDType, elements: Uint32Array | Uint16Array | Float32Array) {
  const bytes = new Uint8Array(Math.ceil(elements.byteLength / 4) * 4);
  bytes.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
  return tensorFromBytes({ name: "x", dtype, shape: [elements.length] }, bytes);
}

async function bitsOf(cast: ReturnType<typeof castTensor>, count: number): Promise<Uint16Array> {
  return new Uint16Array((await cast.read()).buffer, 0, count);
}

/** All 65,536 patterns. */
const PATTERNS = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);

const WIDEN = { bf16: bf16ToF32, f16: f16ToF32 } as const;

describe.each(["bf16", "f16"] as const)("%s", (dtype) => {
  test("to f32 and back loses no bit", async () => {
    const wide = castTensor(tensor(dtype, PATTERNS), "f32");
    expect(await decodeTensor(wide)).toEqual(Float32Array.from(PATTERNS, WIDEN[dtype]));
    const back = await bitsOf(castTensor(wide, dtype), 1 << 16);
    // NaN stays NaN; which one is of no meaning.
    const isKept = (bits: number) =>
      Number.isNaN(WIDEN[dtype](bits)) ? Number.isNaN(WIDEN[dtype](back[bits]!)) : back[bits] === bits;
    expect(PATTERNS.filter((bits) => !isKept(bits))).toHaveLength(0);
  });
});

test("f16 to bf16 rounds to the nearest, infinity and NaN stay", async () => {
  const found = await bitsOf(castTensor(tensor("f16", PATTERNS), "bf16"), 1 << 16);
  const isNearest = (bits: number) => Object.is(bf16ToF32(found[bits]!), bf16ToF32(f32ToBf16(f16ToF32(bits))));
  expect(PATTERNS.filter((bits) => !isNearest(bits))).toHaveLength(0);
});

test("bf16 to f16 rounds to the nearest, infinity and NaN stay", async () => {
  const fits = PATTERNS.filter((bits) => !(Math.abs(bf16ToF32(bits)) >= 65520 && Number.isFinite(bf16ToF32(bits))));
  const found = await bitsOf(castTensor(tensor("bf16", fits), "f16"), fits.length);
  const isNearest = (bits: number, index: number) =>
    Object.is(f16ToF32(found[index]!), f16ToF32(f32ToF16(bf16ToF32(bits))));
  expect(fits.filter((bits, index) => !isNearest(bits, index))).toHaveLength(0);
  expect(fits.length).toBeGreaterThan(30_000);
});

test.each([
  ["bf16", f32ToBf16, bf16ToF32, 0x7f7f8000],
  ["f16", f32ToF16, f16ToF32, 0x477ff000],
] as const)("f32 to %s rounds to nearest even, ties and subnormals included", async (dtype, narrow, widen, limit) => {
  const words: number[] = [
    0,
    0x80000000,
    0x7f800000,
    0xff800000,
    0x7f800001,
    0xffffffff,
    limit - 1,
    0x80000000 + limit - 1,
  ];
  // Around every number that the type has: it, halfway to the next, and both neighbours of that.
  for (let high = 0; high < limit; high += 1 << 13) words.push(high, high + 0xfff, high + 0x1000, high + 0x1001);
  for (let high = 0; high < limit - 0x8001; high += 1 << 16) words.push(high + 0x7fff, high + 0x8000, high + 0x8001);
  const bits = Uint32Array.from(words.filter((word) => word >= 0x7f800000 || word < limit));
  const values = new Float32Array(bits.buffer);
  const found = await bitsOf(castTensor(tensor("f32", bits), dtype), bits.length);
  const wrong = [...found.keys()].filter((i) => !Object.is(widen(found[i]!), widen(narrow(values[i]!))));
  expect(wrong).toEqual([]);
});

test("a number that is too large is refused, with its place and a way out", async () => {
  const large = Float32Array.of(1, -65519, 65504, -65520, 1);
  const error = await codedError(castTensor(tensor("f32", large), "f16").read());
  expect(error).toBeInstanceOf(CastError);
  expect(error.message).toBe("x: element 3 is -65520, which f16 cannot hold (its largest is 65504); take bf16 or f32");
  expect(
    (await codedError(castTensor(tensor("bf16", Uint16Array.of(f32ToBf16(1e5))), "f16").read())).message,
  ).toContain("element 0 is 99840, which f16 cannot hold");
  expect((await codedError(castTensor(tensor("f32", Float32Array.of(3.4e38)), "bf16").read())).message).toMatch(
    /element 0 is 3\.39.*, which bf16 cannot hold .*; take f32$/,
  );
  const infinite = await bitsOf(castTensor(tensor("f32", Float32Array.of(Infinity, -Infinity)), "f16"), 2);
  expect([...infinite]).toEqual([0x7c00, 0xfc00]);
});

test("the same type is the same tensor, and what is no float is refused", () => {
  const same = tensor("f16", Uint16Array.of(1, 2));
  expect(castTensor(same, "f16")).toBe(same);
  const numbers = tensorFromBytes({ name: "ids", dtype: "u32", shape: [1] }, new Uint8Array(4));
  expect(() => castTensor(numbers, "f16")).toThrow("ids: f32, f16 or bf16 expected, u32 found; leave it as it is");
  const quantized = tensorFromBytes({ name: "q", dtype: "q8_0", shape: [32] }, new Uint8Array(260));
  expect(() => castTensor(quantized, "f32")).toThrow(CastError);
});

test.each([4, 8, 12, 100])("in chunks of %i bytes it is the same", async (chunkByteLength) => {
  const floats = Float32Array.from({ length: 77 }, (_, index) => Math.sin(index) * 2 ** (index % 13));
  for (const [from, to] of [
    ["f32", "bf16"],
    ["f32", "f16"],
    ["bf16", "f32"],
    ["f16", "bf16"],
  ] as const) {
    const source = castTensor(tensor("f32", floats), from);
    const cast = castTensor(source, to);
    const whole = await cast.read();
    const joined = new Uint8Array(whole.length);
    for await (const { byteOffset, bytes } of cast.chunks({ chunkByteLength })) {
      expect(byteOffset % 4).toBe(0);
      expect(bytes.length).toBeLessThanOrEqual(chunkByteLength);
      joined.set(bytes, byteOffset);
    }
    expect(joined).toEqual(whole);
  }
});
