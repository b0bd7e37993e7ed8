import { type DType, isQuantized, type QuantizedDType, storageLayout } from "@blackmamba/tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../byte-source.ts";
import type { CheckpointTensor } from "../checkpoint.ts";
import { quantizedTensor } from "../quantized-tensor.ts";
import { tensorFromBytes, tensorFromChunks } from "../tensor-from.ts";
import { codedError } from "../testing/expect-error.ts";
import { goldenSource } from "../testing/golden.ts";
import { memorySink } from "../testing/memory-sink.ts";
import { openTorchCheckpoint } from "../torch/torch-checkpoint.ts";
import { openSafetensors } from "./safetensors-checkpoint.ts";
import { type WritableTensor, type WriteProgress, writeSafetensors } from "./write-safetensors.ts";

/** A tensor of bytes that count up. */
function tensor(name: string, dtype: DType, shape: readonly number[]) {
  const { byteLength, values, scales } = storageLayout(dtype, shape);
  const bytes = new Uint8Array(byteLength);
  for (const part of scales ? [values, scales] : [values]) {
    for (let at = 0; at < part.byteLength; at++) bytes[part.byteOffset + at] = (at * 7 + name.length) % 251;
  }
  return tensorFromBytes({ name, dtype, shape }, bytes);
}

async function written(tensors: Iterable<WritableTensor>, metadata?: Record<string, string>) {
  const sink = memorySink();
  const byteLength = await writeSafetensors(tensors, sink, { metadata });
  expect(sink.state()).toBe("closed");
  expect(sink.bytes().byteLength).toBe(byteLength);
  return sink.bytes();
}

function headerOf(file: Uint8Array): { json: string; byteLength: number } {
  const byteLength = Number(new DataView(file.buffer).getBigUint64(0, true));
  return { json: new TextDecoder().decode(file.subarray(8, 8 + byteLength)), byteLength };
}

describe("writeSafetensors", () => {
  it("writes what it reads again, of every type", async () => {
    const tensors = [
      tensor("half", "f16", [3]),
      tensor("quantized", "q8_0", [2, 64]),
      tensor("in four bits", "q4_0", [3, 2, 32]),
      tensor("float", "f32", [2, 2]),
      tensor("scalar", "bf16", []),
      tensor("ids", "u32", [5]),
      tensor("empty", "f32", [0]),
    ];
    const checkpoint = await openSafetensors(bytesSource(await written(tensors, { made: "here" })));
    expect({ ...checkpoint.metadata }).toEqual({ made: "here" });
    expect(checkpoint.tensors.size).toBe(tensors.length);
    for (const original of tensors) {
      const read = checkpoint.tensors.get(original.name);
      expect([read?.dtype, read?.shape]).toEqual([original.dtype, original.shape]);
      expect(await read?.read()).toEqual(await original.read());
    }
  });

  it("pads the header with spaces to a multiple of 8, and starts each tensor at a multiple of its element", async () => {
    const tensors = [
      tensor("a", "bf16", [1]),
      tensor("b", "f32", [3]),
      tensor("c", "q8_0", [32]),
      tensor("7", "f32", [1]),
      tensor("d", "q4_0", [2, 64]),
    ];
    const file = await written(tensors);
    const { json, byteLength } = headerOf(file);
    expect(byteLength % 8).toBe(0);
    expect(json.trimEnd()).toMatch(/^\{.*\}$/);
    expect(json).toBe(
      `${
        '{"b":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},' +
        '"7":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},' +
        '"a":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},' +
        '"c":{"dtype":"I8","shape":[32],"data_offsets":[18,50]},' +
        '"c.scales":{"dtype":"F16","shape":[1],"data_offsets":[50,52]},' +
        '"d":{"dtype":"U8","shape":[2,32],"data_offsets":[52,116]},' +
        '"d.scales":{"dtype":"F16","shape":[2,2],"data_offsets":[116,124]}}'
      }`.padEnd(byteLength),
    );
  });

  it("round-trips any tensors", async () => {
    const one = fc.record({
      dtype: fc.constantFrom<DType>("f32", "f16", "bf16", "u32", "q8_0", "q4_0"),
      outer: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
      inner: fc.integer({ min: 0, max: 3 }),
    });
    const named = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), one), {
      selector: ([name]) => name,
      maxLength: 6,
    });
    const property = fc.asyncProperty(named, async (specs) => {
      const usable = specs.filter(([name]) => name !== "__metadata__" && !name.endsWith(".scales"));
      const tensors = usable.map(([name, { dtype, outer, inner }]) =>
        tensor(name, dtype, [...outer, isQuantized(dtype) ? 32 * inner : inner]),
      );
      const { tensors: read } = await openSafetensors(bytesSource(await written(tensors)));
      expect(read.size).toBe(tensors.length);
      for (const original of tensors) expect(await read.get(original.name)?.read()).toEqual(await original.read());
    });
    await fc.assert(property, { seed: 77, numRuns: 200 });
  });

  it.each(["q8_0", "q4_0"] as const)("converts a torch checkpoint to %s", async (dtype) => {
    const torch = await openTorchCheckpoint(await goldenSource("blackmamba", "pytorch_model.bin"));
    const tensors = [...torch.tensors.values()].map((one) =>
      one.shape.length === 2 ? quantizedFitting(one, dtype) : one,
    );
    const sink = memorySink();
    await writeSafetensors(tensors, sink);
    const { tensors: read } = await openSafetensors(bytesSource(sink.bytes()));
    expect(read.size).toBe(61);
    for (const one of tensors) expect(await read.get(one.name)?.read()).toEqual(await one.read());
    expect([...read.values()].some((one) => one.dtype === dtype)).toBe(true);
  });

  const quantizedFitting = (one: CheckpointTensor, dtype: QuantizedDType) =>
    (one.shape[1] ?? 0) % 32 === 0 ? quantizedTensor(one, dtype) : one;

  it.each([
    ["two of one name", [tensor("a", "f32", [1]), tensor("a", "f32", [1])], "ERR_CHECKPOINT_DUPLICATE_NAME"],
    [
      "a name that scales take",
      [tensor("a", "q8_0", [32]), tensor("a.scales", "f16", [1])],
      "ERR_CHECKPOINT_DUPLICATE_NAME",
    ],
    ["the format's own name", [tensor("__metadata__", "f32", [1])], "ERR_CHECKPOINT_ARGUMENT"],
    ["q8_0 rows that are no blocks", [{ ...tensor("a", "q8_0", [64]), shape: [2, 16] }], "ERR_CHECKPOINT_ARGUMENT"],
    ["q4_0 rows that are no blocks", [{ ...tensor("a", "q4_0", [64]), shape: [4, 16] }], "ERR_CHECKPOINT_ARGUMENT"],
    ["a size below zero", [{ ...tensor("a", "f32", [1]), shape: [-1] }], "ERR_CHECKPOINT_TENSOR_GEOMETRY"],
    ["too few bytes", [{ ...tensor("a", "f32", [1]), shape: [2] }], "ERR_CHECKPOINT_WRITE_MISMATCH"],
    ["too many bytes", [{ ...tensor("a", "f32", [2]), shape: [1] }], "ERR_CHECKPOINT_WRITE_MISMATCH"],
    [
      "no scales",
      [{ ...tensor("a", "f16", [16]), dtype: "q8_0", shape: [32] } as const],
      "ERR_CHECKPOINT_WRITE_MISMATCH",
    ],
  ])("refuses %s and aborts the sink", async (_, tensors, code) => {
    const sink = memorySink();
    expect((await codedError(writeSafetensors(tensors, sink))).code).toBe(code);
    expect(sink.state()).toBe("aborted");
  });

  it("says how far it has come, of the bytes that the tensors take", async () => {
    const progress: WriteProgress[] = [];
    const tensors = [tensor("a", "q4_0", [64]), tensor("b", "f32", [2])];
    await writeSafetensors(tensors, memorySink(), { onProgress: (step) => progress.push(step) });
    expect(progress).toEqual([
      { writtenBytes: 8, totalBytes: 44, tensor: "b" },
      { writtenBytes: 40, totalBytes: 44, tensor: "a" },
      { writtenBytes: 44, totalBytes: 44, tensor: "a" },
    ]);
  });

  it("refuses chunks out of order", async () => {
    const gap = tensorFromChunks({ name: "a", dtype: "f32", shape: [4] }, async function* () {
      yield { byteOffset: 4, bytes: new Uint8Array(4) };
    });
    expect((await codedError(writeSafetensors([gap], memorySink()))).message).toContain("bytes from 0 on expected");
  });

  it("aborts the sink when it fails, and throws the sink's error", async () => {
    const sink = memorySink(1);
    await expect(writeSafetensors([tensor("a", "f32", [1])], sink)).rejects.toThrow("disk full");
    expect(sink.state()).toBe("aborted");
  });

  it("aborts the sink when its signal is", async () => {
    const sink = memorySink();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(writeSafetensors([tensor("a", "f32", [1])], sink, { signal })).rejects.toThrow("enough");
    expect(sink.state()).toBe("aborted");
  });

  it("writes to a WritableStream's writer", async () => {
    const pieces: Uint8Array[] = [];
    const stream = new WritableStream<Uint8Array>({ write: (piece) => void pieces.push(piece.slice()) });
    await writeSafetensors([tensor("a", "f32", [2])], stream.getWriter());
    const file = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    expect((await openSafetensors(bytesSource(file))).tensors.size).toBe(1);
  });
});

describe("tensorFromBytes", () => {
  it("refuses bytes of another length", () => {
    const info = { name: "a", dtype: "f32", shape: [3] } as const;
    expect(() => tensorFromBytes(info, new Uint8Array(8))).toThrow("12 bytes expected");
  });

  it("takes bytes without the padding", async () => {
    const read = await tensorFromBytes({ name: "a", dtype: "f16", shape: [1] }, Uint8Array.of(1, 2)).read();
    expect([...read]).toEqual([1, 2, 0, 0]);
  });
});
