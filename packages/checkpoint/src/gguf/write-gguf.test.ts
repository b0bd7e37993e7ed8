import { expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { DuplicateNameError, UnsupportedDtypeError } from "../errors.ts";
import { quantizedTensor } from "../quantized-tensor.ts";
import { tensorFromBytes, tensorFromChunks } from "../tensor-from.ts";
import { memorySink } from "../testing/memory-sink.ts";
import { openGguf } from "./gguf-checkpoint.ts";
import type { GgufValue } from "./gguf-values.ts";
import { writeGguf } from "./write-gguf.ts";

const floats = (name: string, ...shape: number[]) => {
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + name.length));
  return tensorFromBytes({ name, dtype: "f32", shape }, new Uint8Array(values.buffer));
};

const half = tensorFromBytes({ name: "half", dtype: "bf16", shape: [3] }, Uint8Array.of(1, 2, 3, 4, 5, 6));

test("what is written is read again, bit for bit", async () => {
  const tensors = [
    ...[half, floats("vector", 5), floats("matrix", 3, 64)],
    ...[quantizedTensor(floats("eight", 2, 3, 96)), quantizedTensor(floats("four", 5, 64), "q4_0")],
  ];
  const values = new Map<string, GgufValue>([
    ...Object.entries({ text: "ü", yes: true, count: 7, below: -7, part: 0.5, large: 2n ** 40n }),
    ["texts", ["a", "", "c"]],
    ["flags", [true, false]],
    ["numbers", Int32Array.of(-1, 2)],
    ["floats", Float32Array.of(0.25)],
  ]);
  const sink = memorySink();
  const progress: number[] = [];
  const byteLength = await writeGguf(tensors, sink, {
    values,
    onProgress: ({ writtenBytes }) => progress.push(writtenBytes),
  });
  expect(sink.state()).toBe("closed");
  expect(sink.bytes().length).toBe(byteLength);
  expect(byteLength % 32).toBe(0);

  const checkpoint = await openGguf(bytesSource(sink.bytes(), "m.gguf"));
  expect([...checkpoint.values]).toEqual(
    [...values].map(([key, value]) => [key, value === 2n ** 40n ? 2 ** 40 : value]),
  );
  expect([...checkpoint.tensors.keys()]).toEqual(["half", "vector", "matrix", "eight", "four"]);
  for (const tensor of tensors) {
    const read = checkpoint.tensors.get(tensor.name);
    expect(read).toMatchObject({ dtype: tensor.dtype, shape: tensor.shape });
    expect(await read?.read()).toEqual(await tensor.read());
  }
  expect(progress.at(-1)).toBe(6 + 20 + 768 + (576 / 32) * 34 + (320 / 32) * 18);
});

test("a failure leaves nothing", async () => {
  const failing = async (...tensors: Parameters<typeof writeGguf>[0] extends Iterable<infer T> ? T[] : never) => {
    const sink = memorySink();
    const error = await writeGguf(tensors, sink).catch((reason: Error) => reason);
    expect(sink.state()).toBe("aborted");
    return error;
  };
  expect(await failing(half, half)).toBeInstanceOf(DuplicateNameError);
  const numbers = tensorFromBytes({ name: "n", dtype: "u32", shape: [1] }, new Uint8Array(4));
  expect(await failing(numbers)).toBeInstanceOf(UnsupportedDtypeError);
  const fewer = tensorFromChunks({ name: "fewer", dtype: "q8_0", shape: [64] }, async function* () {
    yield { byteOffset: 0, bytes: new Uint8Array(64) };
  });
  expect(String(await failing(fewer))).toContain("fewer: 68 bytes expected, its chunks gave 64");
  const short = tensorFromChunks({ name: "short", dtype: "f32", shape: [4] }, async function* () {
    yield { byteOffset: 0, bytes: new Uint8Array(8) };
  });
  expect(String(await failing(short))).toContain("short: its chunks end at byte 8, 16 bytes expected");
  const gap = tensorFromChunks({ name: "gap", dtype: "f32", shape: [4] }, async function* () {
    yield { byteOffset: 8, bytes: new Uint8Array(8) };
  });
  expect(String(await failing(gap))).toContain("bytes from 0 to 16 expected");
  const sink = memorySink(1);
  await expect(writeGguf([half], sink)).rejects.toThrow("disk full");
  expect(sink.state()).toBe("aborted");
});

test("may be aborted", async () => {
  const controller = new AbortController();
  const sink = memorySink();
  const onProgress = () => controller.abort(new Error("enough"));
  const written = writeGguf([floats("a", 4), floats("b", 4)], sink, { signal: controller.signal, onProgress });
  await expect(written).rejects.toThrow("enough");
  expect(sink.state()).toBe("aborted");
});
