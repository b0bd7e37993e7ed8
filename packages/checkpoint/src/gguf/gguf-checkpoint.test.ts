import { f32ToF16 } from "@blackmamba/tensor";
import { type GgufFile, type GgufTensor, ggufFile } from "@blackmamba/testing";
import { describe, expect, it, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { decodeTensor } from "../decode-tensor.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { openGguf } from "./gguf-checkpoint.ts";

const bytesOf = (...numbers: number[]) => new Uint8Array(Float32Array.from(numbers).buffer);
const half = (value: number) => [f32ToF16(value) & 255, f32ToF16(value) >> 8];

const plain: GgufTensor = { name: "plain", type: 0, sizes: [3, 2], bytes: bytesOf(1, 2, 3, 4, 5, 6) };
/** Two blocks, of scale 0.5 and −2; values 0, 1, 2 … and −1, −2, −3 … */
const q8: GgufTensor = {
  ...{ name: "q8", type: 8, sizes: [32, 2] },
  bytes: Uint8Array.from([
    ...[...half(0.5), ...Array.from({ length: 32 }, (_, i) => i)],
    ...[...half(-2), ...Array.from({ length: 32 }, (_, i) => -1 - i)],
  ]),
};
/** A block of scale 3 with values i mod 16 − 8, of which i and i + 16 share a byte. */
const q4: GgufTensor = {
  ...{ name: "q4", type: 2, sizes: [32] },
  bytes: Uint8Array.from([...half(3), ...Array.from({ length: 16 }, (_, i) => i | (i << 4))]),
};
const file: GgufFile = {
  values: { "general.architecture": [8, "mamba"], "mamba.block_count": [4, 2] },
  tensors: [plain, q8, q4, { name: "half", type: 1, sizes: [2], bytes: Uint8Array.from([...half(1.5), ...half(-4)]) }],
};

const open = (gguf: GgufFile) => openGguf(bytesSource(ggufFile(gguf), "m.gguf"));

test.each([2, 3])("version %i: tensors, outermost size first, and blocks in this project's order", async (version) => {
  const checkpoint = await openCheckpoint(bytesSource(ggufFile({ ...file, version }), "m.gguf"));
  expect([...checkpoint.tensors.values()].map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ["plain", "f32", [2, 3]],
    ["q8", "q8_0", [2, 32]],
    ["q4", "q4_0", [32]],
    ["half", "f16", [2]],
  ]);
  const values = async (name: string) => [...(await decodeTensor(checkpoint.tensors.get(name)!))];
  expect(await values("plain")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await values("half")).toEqual([1.5, -4]);
  expect(await values("q8")).toEqual([
    ...Array.from({ length: 32 }, (_, i) => i * 0.5),
    ...Array.from({ length: 32 }, (_, i) => 2 * (i + 1)),
  ]);
  expect(await values("q4")).toEqual(Array.from({ length: 32 }, (_, i) => 3 * ((i % 16) - 8)));
  expect(checkpoint.metadata).toEqual({ "general.architecture": "mamba" });
});

test("chunks of any size give the same bytes", async () => {
  const checkpoint = await open(file);
  for (const tensor of checkpoint.tensors.values()) {
    const whole = await tensor.read();
    for (const chunkByteLength of [4, 20, 36, 1000]) {
      const bytes = new Uint8Array(whole.length);
      for await (const chunk of tensor.chunks({ chunkByteLength })) {
        expect(chunk.bytes.length).toBeLessThanOrEqual(chunkByteLength);
        bytes.set(chunk.bytes, chunk.byteOffset);
      }
      expect(bytes).toEqual(whole);
    }
  }
});

test("values of every type", async () => {
  const { values, metadata } = await open({
    values: {
      ...{ u8: [0, 200], i8: [1, -3], u16: [2, 60_000], i16: [3, -300], u32: [4, 4e9], i32: [5, -4], f32: [6, 0.5] },
      ...{ yes: [7, true], no: [7, false], text: [8, "Größe"], u64: [10, 12n], large: [10, 2n ** 60n], i64: [11, -5n] },
      ...{ f64: [12, 0.1], texts: [9, 8, ["a", "", "Ġthe"]], numbers: [9, 5, [1, -2]], flags: [9, 7, [true, false]] },
      ...{ floats: [9, 6, [0.5]], longs: [9, 10, [7n]], none: [9, 8, []], ["__proto__"]: [8, "a key"] },
    },
  });
  expect(Object.fromEntries([...values].filter(([key]) => key !== "__proto__"))).toEqual({
    ...{ u8: 200, i8: -3, u16: 60_000, i16: -300, u32: 4e9, i32: -4, f32: 0.5, yes: true, no: false, text: "Größe" },
    ...{ u64: 12, large: 2n ** 60n, i64: -5, f64: 0.1, texts: ["a", "", "Ġthe"], numbers: Int32Array.of(1, -2) },
    ...{ flags: [true, false], floats: Float32Array.of(0.5), longs: BigUint64Array.of(7n), none: [] },
  });
  expect(Object.entries(metadata)).toContainEqual(["__proto__", "a key"]);
  expect(Object.getPrototypeOf(metadata)).toBeNull();
});

test("a vocabulary that is longer than what is read at a time", async () => {
  const tokens = Array.from({ length: 90_000 }, (_, i) => `token ${i}`);
  const { values } = await open({ values: { tokens: [9, 8, tokens], after: [4, 7] } });
  expect(values.get("tokens")).toEqual(tokens);
  expect(values.get("after")).toBe(7);
});

test("a type that is not read spoils nothing else", async () => {
  const checkpoint = await open({ tensors: [plain, { ...q8, name: "odd", type: 14 }] });
  expect([...checkpoint.tensors.keys()]).toEqual(["plain"]);
  expect(checkpoint.refused?.get("odd")?.message).toContain(
    'm.gguf: tensor "odd" has element type Q6_K; F32, F16, Q4_0, Q8_0, BF16 expected',
  );
});

describe("is refused", () => {
  const refusal = (bytes: Uint8Array) =>
    openGguf(bytesSource(bytes, "m.gguf")).then(
      () => "read",
      (error: Error & { code: string }) => `${error.code}: ${error.message}`,
    );

  test.each<[string, GgufFile, string]>([
    ["the first version", { version: 1 }, "version 2 or 3 expected, the first version found"],
    ["big-endian", { version: 0x03000000 }, "a big-endian file found"],
    ["an array of arrays", { values: { a: [9, 9, []] } }, '"a" has the type 9'],
    ["an unknown type of value", { values: { a: [99, 0] } }, '"a" has the type 99'],
    ["a tensor twice", { tensors: [plain, plain] }, 'ERR_CHECKPOINT_DUPLICATE_NAME: m.gguf: name "plain" occurs twice'],
    [
      "rows of a part of a block",
      { tensors: [{ ...q8, sizes: [33] }] },
      "rows of a multiple of 32 elements expected, 33",
    ],
    ["five dimensions", { tensors: [{ ...plain, sizes: [1, 1, 1, 2, 3] }] }, "at most 4 dimensions expected, 5 found"],
    ["sizes beyond counting", { tensors: [{ ...plain, sizes: [2 ** 31, 2 ** 31] }] }, "not made of sizes that can be"],
    [
      "a tensor beyond the end",
      { tensors: [{ ...plain, sizes: [300] }] },
      'ERR_CHECKPOINT_TRUNCATED: m.gguf: tensor "plain"',
    ],
    [
      "tensors that overlap",
      {
        tensors: [
          { ...plain, bytes: new Uint8Array(64), sizes: [16] },
          { ...plain, name: "w", byteOffset: 32 },
        ],
      },
      'tensor "w" begins within tensor "plain"',
    ],
    ["a place between", { tensors: [{ ...plain, byteOffset: 8 }] }, "it begins at 8, no multiple of 32"],
    ["an odd alignment", { values: { "general.alignment": [4, 12] } }, "a multiple of 8 expected, 12 found"],
  ])("%s", async (_, gguf, message) => {
    expect(await refusal(ggufFile(gguf))).toContain(message);
  });

  test("counts that no file can hold, before anything is made of them", async () => {
    for (const count of [2n ** 40n, 2n ** 53n, 2n ** 64n - 1n]) {
      for (const at of [8, 16]) {
        const bytes = ggufFile(file);
        new DataView(bytes.buffer).setBigUint64(at, count, true);
        expect(await refusal(bytes)).toMatch(/^ERR_CHECKPOINT_GGUF: m\.gguf: /);
      }
      // The length of a list of texts, and of numbers.
      for (const element of [8, 10]) {
        const bytes = ggufFile({ values: { list: [9, element, []] } });
        new DataView(bytes.buffer).setBigUint64(bytes.length - 8, count, true);
        expect(await refusal(bytes)).toMatch(/^ERR_CHECKPOINT_(GGUF|TRUNCATED|LIMIT): m\.gguf: /);
      }
    }
  });

  test("lists of truth values, which are larger in memory, beyond what a model has", async () => {
    const bytes = ggufFile({ values: { list: [9, 7, []] } });
    const large = new Uint8Array(bytes.length + 2_000_000);
    large.set(bytes);
    new DataView(large.buffer).setBigUint64(bytes.length - 8, 2_000_000n, true);
    expect(await refusal(large)).toContain('"list" is a list of 2000000, at most 1048576 expected');
  });

  it("an empty file, and one that ends anywhere", async () => {
    const bytes = ggufFile(file);
    for (let end = 0; end < bytes.length; end++) {
      expect(await refusal(bytes.slice(0, end))).toMatch(/^ERR_CHECKPOINT_(TRUNCATED|EMPTY_FILE): m\.gguf: /);
    }
  });
});
