import { expect, test } from "vitest";
import { createCpuDevice } from "./cpu/cpu-device.ts";
import { storageLayout } from "./dtype.ts";
import { ShapeError } from "./errors.ts";
import { hostTensor, rowReader } from "./host-tensor.ts";
import { columns, rows, type Storage, splitPoints, tensorOf } from "./tensor.ts";

const storage = (maxOperandByteLength: number): Storage => ({
  byteLength: 0,
  maxOperandByteLength,
  maxOperands: 8,
  dispose() {},
});

test("the layout of quantised types keeps the scales apart, where they can be bound", () => {
  expect(storageLayout("bf16", [3, 5])).toEqual({ values: { byteOffset: 0, byteLength: 30 }, byteLength: 32 });
  expect(storageLayout("q8_0", [3, 32])).toEqual({
    values: { byteOffset: 0, byteLength: 96 },
    scales: { byteOffset: 256, byteLength: 6 },
    byteLength: 264,
  });
  expect(storageLayout("q4_0", [17, 32])).toEqual({
    values: { byteOffset: 0, byteLength: 272 },
    scales: { byteOffset: 512, byteLength: 34 },
    byteLength: 548,
  });
  expect(() => storageLayout("q4_0", [32, 16])).toThrow("q4_0 [32, 16]: expected rows of a multiple of 32 elements");
});

test("views of columns and rows share the storage", async () => {
  const device = createCpuDevice();
  const tensor = device.createTensor("f32", [3, 4], "t");
  await device.write(
    tensor,
    Float32Array.from({ length: 12 }, (_, i) => i),
  );
  expect(columns(tensor, 1, 3)).toMatchObject({ shape: [3, 2], offset: 1, rowStride: 4 });
  expect(columns(columns(tensor, 1, 4), 2, 3)).toMatchObject({ shape: [3, 1], offset: 3, rowStride: 4 });
  expect([...(await device.read(rows(tensor, 1, 2)))]).toEqual([4, 5, 6, 7]);
  expect(() => columns(tensor, 2, 5)).toThrow(ShapeError);
  expect(() => rows(tensor, 3, 3)).toThrow("rows of t: [3, 3) is not within its 3 rows");
});

test("a tensor is cut only where it is too large, at offsets that can be bound", () => {
  expect(splitPoints(tensorOf(storage(1 << 20), "bf16", [100, 64], "t"))).toEqual([0, 100]);
  // 128 bytes a row: two rows make 256.
  expect(splitPoints(tensorOf(storage(128 * 35), "bf16", [100, 64], "t"))).toEqual([0, 34, 68, 100]);
  // Scales have 4 bytes a row: 64 rows make 256.
  expect(splitPoints(tensorOf(storage(64 * 70), "q8_0", [100, 64], "t"))).toEqual([0, 64, 100]);
  // Here too; a row's elements have 32.
  expect(splitPoints(tensorOf(storage(32 * 70), "q4_0", [100, 64], "t"))).toEqual([0, 64, 100]);
  expect(() => splitPoints(tensorOf(storage(1000), "f32", [10, 1001], "t"))).toThrow(ShapeError);
});

test("rows of every type are read as float32", async () => {
  const device = createCpuDevice();
  const read = async (dtype: "bf16" | "f16" | "q8_0" | "q4_0", bytes: Uint8Array) => {
    const tensor = device.createTensor(dtype, [2, 32], "t");
    await device.write(tensor, bytes);
    const buffer = new Uint8Array(tensor.storage.byteLength);
    buffer.set(bytes);
    return [...rowReader(hostTensor(tensor, buffer.buffer))(1)];
  };
  const halves = (bits: number) =>
    new Uint8Array(Uint16Array.from({ length: 64 }, (_, i) => (i < 32 ? 0 : bits)).buffer);
  expect(await read("bf16", halves(0x3fc0))).toEqual(new Array(32).fill(1.5));
  expect(await read("f16", halves(0x3e00))).toEqual(new Array(32).fill(1.5));
  const quantised = new Uint8Array(storageLayout("q8_0", [2, 32]).byteLength);
  new Int8Array(quantised.buffer, 32, 32).fill(-3);
  new Uint16Array(quantised.buffer, 256, 2)[1] = 0xb800;
  expect(await read("q8_0", quantised)).toEqual(new Array(32).fill(1.5));
  const pairs = new Uint8Array(storageLayout("q4_0", [2, 32]).byteLength);
  // 5 is -3 and 15 is 7; the lower half of a byte comes first.
  pairs.fill(0xf5, 16, 32);
  new Uint16Array(pairs.buffer, 256, 2)[1] = 0xb800;
  expect(await read("q4_0", pairs)).toEqual(Array.from({ length: 32 }, (_, e) => (e % 2 === 0 ? 1.5 : -3.5)));
});
