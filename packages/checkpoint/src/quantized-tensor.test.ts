import { elementCount, f32ToBf16, f32ToF16, storageLayout } from "@blackmamba/tensor";
import { describe, expect, it } from "vitest";
import type { CheckpointTensor, TensorChunk } from "./checkpoint.ts";
import { decodeTensor } from "./decode-tensor.ts";
import { quantizeQ8_0 } from "./quantize.ts";
import { quantizedTensor } from "./quantized-tensor.ts";
import { tensorFromBytes } from "./tensor-from.ts";
import { codedError } from "./testing/expect-error.ts";

function bytesOf(numbers: Float32Array | Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** Numbers that float16 and bfloat16 hold exactly. */
function ramp(shape: readonly number[]): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => ((index * 37) % 129) - 64);
}

const shape = [5, 96];
const values = ramp(shape);
const asF32 = tensorFromBytes({ name: "w", dtype: "f32", shape }, bytesOf(values));
const asF16 = tensorFromBytes({ name: "w", dtype: "f16", shape }, bytesOf(Uint16Array.from(values, f32ToF16)));
const asBf16 = tensorFromBytes({ name: "w", dtype: "bf16", shape }, bytesOf(Uint16Array.from(values, f32ToBf16)));

async function chunksOf(tensor: CheckpointTensor, chunkByteLength: number): Promise<TensorChunk[]> {
  const chunks: TensorChunk[] = [];
  for await (const { byteOffset, bytes } of tensor.chunks({ chunkByteLength }))
    chunks.push({ byteOffset, bytes: bytes.slice() });
  return chunks;
}

describe("quantizedTensor", () => {
  it.each([
    ["f32", asF32],
    ["f16", asF16],
    ["bf16", asBf16],
  ])("quantises %s while it streams, wherever the chunks are cut", async (_, tensor) => {
    const expected = quantizeQ8_0(values);
    const layout = storageLayout("q8_0", shape);
    const quantized = quantizedTensor(tensor);
    expect([quantized.name, quantized.dtype, quantized.shape]).toEqual(["w", "q8_0", shape]);
    for (const chunkByteLength of [4, 20, 100, 256, 1 << 20]) {
      const whole = new Uint8Array(layout.byteLength);
      let end = 0;
      for (const { byteOffset, bytes } of await chunksOf(quantized, chunkByteLength)) {
        expect(bytes.byteLength).toBeLessThanOrEqual(chunkByteLength);
        expect(byteOffset).toBeGreaterThanOrEqual(end);
        whole.set(bytes, byteOffset);
        end = byteOffset + bytes.byteLength;
      }
      expect(whole.subarray(0, 480)).toEqual(bytesOf(new Uint16Array(expected.values.buffer)));
      expect(whole.subarray(layout.scales?.byteOffset)).toEqual(padded(bytesOf(expected.scales)));
    }
  });

  const padded = (bytes: Uint8Array) =>
    Uint8Array.from({ length: Math.ceil(bytes.length / 4) * 4 }, (_, at) => bytes[at] ?? 0);

  it("returns a quantised tensor as it is", () => {
    const quantized = quantizedTensor(asF32);
    expect(quantizedTensor(quantized)).toBe(quantized);
  });

  it.each([
    ["rows of no whole blocks", { name: "w", dtype: "f32", shape: [2, 16] } as const, 128, "[2, 16]"],
    ["a scalar", { name: "w", dtype: "f32", shape: [] } as const, 4, "[]"],
    ["integers", { name: "w", dtype: "u32", shape: [32] } as const, 128, "u32"],
  ])("refuses %s", (_, info, byteLength, words) => {
    expect(() => quantizedTensor(tensorFromBytes(info, new Uint8Array(byteLength)))).toThrow(words);
  });

  it("names the tensor that holds a NaN", async () => {
    const bad = tensorFromBytes(
      { name: "layer.7", dtype: "f32", shape: [32] },
      bytesOf(new Float32Array(32).fill(Number.NaN)),
    );
    const error = await codedError(quantizedTensor(bad).read());
    expect(error.code).toBe("ERR_CHECKPOINT_QUANTIZE");
    expect(error.message).toContain("layer.7");
  });
});

describe("decodeTensor", () => {
  it.each([
    ["f32", asF32],
    ["f16", asF16],
    ["bf16", asBf16],
  ])("decodes %s exactly", async (_, tensor) => {
    expect(await decodeTensor(tensor)).toEqual(values);
  });

  it("decodes q8_0 to values times scales", async () => {
    const decoded = await decodeTensor(quantizedTensor(asF32));
    for (const [index, value] of decoded.entries()) expect(Math.abs(value - (values[index] ?? 0))).toBeLessThan(0.3);
  });

  it("decodes an odd number of elements", async () => {
    const tensor = tensorFromBytes(
      { name: "w", dtype: "bf16", shape: [3] },
      Uint8Array.of(0x80, 0x3f, 0, 0x40, 0x40, 0x40),
    );
    expect([...(await decodeTensor(tensor))]).toEqual([1, 2, 3]);
  });

  it("refuses integers", async () => {
    const ids = tensorFromBytes({ name: "ids", dtype: "u32", shape: [1] }, new Uint8Array(4));
    expect((await codedError(decodeTensor(ids))).code).toBe("ERR_CHECKPOINT_UNSUPPORTED_DTYPE");
  });
});
