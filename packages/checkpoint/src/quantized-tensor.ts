/**
 * A tensor as `q8_0`, quantised while it is read. Not here: the arithmetic, see `quantize.ts`.
 */

import { Q8_0_BLOCK, storageLayout } from "@blackmamba/tensor";
import { type CheckpointTensor, type ChunkOptions, chunkByteLengthOf, type TensorChunk } from "./checkpoint.ts";
import { decodeFloats } from "./decode-tensor.ts";
import { QuantizeError } from "./errors.ts";
import { quantizeQ8_0 } from "./quantize.ts";
import { tensorFromChunks } from "./tensor-from.ts";

/**
 * The same tensor as `q8_0`, of the same name and shape. Every `chunks()` or `read()` reads and quantises it again;
 * memory is a few chunks and the scales, a sixteenth of the values. A tensor that is `q8_0` already is returned as it is.
 *
 * Throws `QuantizeError` when the last size is no multiple of 32, and for `u32`.
 */
export function quantizedTensor(tensor: CheckpointTensor): CheckpointTensor {
  const { name, dtype, shape } = tensor;
  if (dtype === "q8_0") return tensor;
  if (dtype === "u32") throw new QuantizeError(name, "float elements expected, u32 found; leave it as it is");
  const row = shape[shape.length - 1];
  if (row === undefined || row % Q8_0_BLOCK !== 0) {
    const found = `shape [${shape.join(", ")}] found`;
    throw new QuantizeError(name, `rows of a multiple of ${Q8_0_BLOCK} expected, ${found}; leave it as it is`);
  }
  return tensorFromChunks({ name, dtype: "q8_0", shape }, (options) => quantizedChunks(tensor, dtype, options));
}

async function* quantizedChunks(
  tensor: CheckpointTensor,
  dtype: "f32" | "f16" | "bf16",
  options: ChunkOptions,
): AsyncGenerator<TensorChunk> {
  const layout = storageLayout("q8_0", tensor.shape);
  const scales = new Uint16Array((layout.scales?.byteLength ?? 0) / 2);
  const chunkByteLength = chunkByteLengthOf(options);
  let done = 0;
  for await (const floats of wholeBlocks(tensor, dtype, options)) {
    const quantized = quantizeNamed(tensor.name, floats);
    scales.set(quantized.scales, done / Q8_0_BLOCK);
    yield* pieces(new Uint8Array(quantized.values.buffer), done, chunkByteLength);
    done += floats.length;
  }
  yield* pieces(new Uint8Array(scales.buffer), layout.scales?.byteOffset ?? 0, chunkByteLength);
}

/** The tensor's elements in arrays of whole blocks, wherever its own chunks are cut. */
async function* wholeBlocks(
  tensor: CheckpointTensor,
  dtype: "f32" | "f16" | "bf16",
  options: ChunkOptions,
): AsyncGenerator<Float32Array> {
  let rest = new Float32Array(0);
  for await (const { bytes } of tensor.chunks(options)) {
    let floats = decodeFloats(dtype, bytes);
    if (rest.length > 0) {
      const joined = new Float32Array(rest.length + floats.length);
      joined.set(rest);
      joined.set(floats, rest.length);
      floats = joined;
    }
    const whole = floats.length - (floats.length % Q8_0_BLOCK);
    if (whole > 0) yield floats.subarray(0, whole);
    rest = floats.slice(whole);
  }
}

function* pieces(bytes: Uint8Array, byteOffset: number, chunkByteLength: number): Generator<TensorChunk> {
  for (let done = 0; done < bytes.byteLength; done += chunkByteLength) {
    yield { byteOffset: byteOffset + done, bytes: bytes.subarray(done, done + chunkByteLength) };
  }
}

function quantizeNamed(name: string, floats: Float32Array) {
  try {
    return quantizeQ8_0(floats);
  } catch (error) {
    if (!(error instanceof QuantizeError)) throw error;
    throw new QuantizeError(name, error.message, { cause: error });
  }
}
