import { elementCount, f32ToBf16, f32ToF16, storageLayout } from "@blackmamba/tensor";
import { describe, expect, it } from "vitest";
import type { CheckpointTensor, TensorChunk } from "./checkpoint.ts";
import { decodeTensor } from "./decode-tensor.ts";
import type { QuantizedBlocks } from "./quantize/blocks.ts";
import { quantizeQ4_0 } from "./quantize/q4-0.ts";
import { quantizeQ8_0 } from "./quantize/q8-0.ts";
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

const QUANTIZERS = { q8_0: quantizeQ8_0, q4_0: quantizeQ4_0 };
const SOURCES = { f32: asF32, f16: asF16, bf16: asBf16 };

describe.each(["q8_0", "q4_0"] as const)("quantizedTensor as %s", (dtype) => {
  const layout = storageLayout(dtype, shape);

  /** The tensor's bytes, of chunks that come in order and are no larger than asked for. */
  async function gathered(tensor: CheckpointTensor, chunkByteLength: number): Promise<Uint8Array> {
    const whole = new Uint8Array(layout.byteLength);
    let end = 0;
    for (const { byteOffset, bytes } of await chunksOf(tensor, chunkByteLength)) {
      expect(bytes.byteLength).toBeLessThanOrEqual(chunkByteLength);
      expect(byteOffset).toBeGreaterThanOrEqual(end);
      whole.set(bytes, byteOffset);
      end = byteOffset + bytes.byteLength;
    }
    return whole;
  }

  function bytesOfBlocks({ values: quants, scales }: QuantizedBlocks): Uint8Array {
    const whole = new Uint8Array(layout.byteLength);
    whole.set(new Uint8Array(quants.buffer));
    whole.set(bytesOf(scales), layout.scales?.byteOffset);
    return whole;
  }

  it.each(["f32", "f16", "bf16"] as const)(
    "quantises %s while it streams, wherever the chunks are cut",
    async (from) => {
      const quantized = quantizedTensor(SOURCES[from], dtype);
      expect([quantized.name, quantized.dtype, quantized.shape]).toEqual(["w", dtype, shape]);
      const expected = bytesOfBlocks(QUANTIZERS[dtype](values));
      for (const chunkByteLength of [4, 20, 100, 256, 1 << 20]) {
        expect(await gathered(quantized, chunkByteLength)).toEqual(expected);
      }
    },
  );

  it("decodes to values times scales", async () => {
    const decoded = await decodeTensor(quantizedTensor(asF32, dtype));
    const largestError = dtype === "q8_0" ? 0.3 : 8;
    for (const [index, value] of decoded.entries()) {
      expect(Math.abs(value - (values[index] ?? 0))).toBeLessThanOrEqual(largestError);
    }
  });

  it("returns a quantised tensor as it is", () => {
    const quantized = quantizedTensor(asF32, dtype);
    expect(quantizedTensor(quantized, dtype)).toBe(quantized);
  });

  it.each([
    ["rows of no whole blocks", { name: "w", dtype: "f32", shape: [2, 16] } as const, 128, "[2, 16]"],
    ["a scalar", { name: "w", dtype: "f32", shape: [] } as const, 4, "[]"],
    ["integers", { name: "w", dtype: "u32", shape: [32] } as const, 128, "u32"],
  ])("refuses %s", (_, info, byteLength, words) => {
    expect(() => quantizedTensor(tensorFromBytes(info, new Uint8Array(byteLength)), dtype)).toThrow(words);
  });

  it("names the tensor that holds a NaN", async () => {
    const bad = tensorFromBytes(
      { name: "layer.7", dtype: "f32", shape: [32] },
      bytesOf(new Float32Array(32).fill(Number.NaN)),
    );
    const error = await codedError(quantizedTensor(bad, dtype).read());
    expect(error.code).toBe("ERR_CHECKPOINT_QUANTIZE");
    expect(error.message).toContain("layer.7");
  });

  if (dtype === "q4_0") {
    it("quantises what was q8_0, by the numbers that it stands for", async () => {
      const source = quantizedTensor(asF32, "q8_0");
      const expected = bytesOfBlocks(quantizeQ4_0(await decodeTensor(source)));
      for (const chunkByteLength of [4, 100, 1 << 20]) {
        expect(await gathered(quantizedTensor(source, "q4_0"), chunkByteLength)).toEqual(expected);
      }
    });

    it("does not become q8_0 again", () => {
      expect(() => quantizedTensor(quantizedTensor(asF32, "q4_0"), "q8_0")).toThrow("q4_0 found; leave it as it is");
    });
  }
});

describe("decodeTensor", () => {
  it.each([
    ["f32", asF32],
    ["f16", asF16],
    ["bf16", asBf16],
  ])("decodes %s exactly", async (_, tensor) => {
    expect(await decodeTensor(tensor)).toEqual(values);
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
