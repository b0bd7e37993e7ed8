/**
 * A tensor in a quantised type, made while it is read. Not here: the arithmetic, see `quantize/`.
 */

import { type DType, isQuantized, QUANT_BLOCK, type QuantizedDType, storageLayout } from "@blackmamba/tensor";
import { type CheckpointTensor, type ChunkOptions, chunkByteLengthOf, type TensorChunk } from "./checkpoint.ts";
import { blocksOf, decodeFloats } from "./decode-tensor.ts";
import { QuantizeError } from "./errors.ts";
import { DEQUANTIZERS, QUANTIZERS } from "./quantize/quantize.ts";
import { pieces, tensorFromChunks } from "./tensor-from.ts";

/** Types whose elements stand for real numbers. */
type FloatDType = Exclude<DType, "u32">;

/**
 * The same tensor in a quantised type, of the same name and shape. Every `chunks()` or `read()` reads and quantises it
 * again; memory is a few chunks and the scales, a sixteenth of the elements. A tensor that is of that type already is
 * returned as it is. One of another quantised type is read whole, as its scales come last.
 *
 * @param dtype default `q8_0`
 *
 * Throws `QuantizeError` when the last size is no multiple of 32, for `u32`, and for `q4_0` as `q8_0`, which would be
 * larger and no better.
 */
export function quantizedTensor(tensor: CheckpointTensor, dtype: QuantizedDType = "q8_0"): CheckpointTensor {
  const { name, dtype: from, shape } = tensor;
  if (from === dtype) return tensor;
  if (from === "u32") throw new QuantizeError(name, "float elements expected, u32 found; leave it as it is");
  if (from === "q4_0") {
    throw new QuantizeError(name, `a type larger than ${dtype} expected, q4_0 found; leave it as it is`);
  }
  const row = shape[shape.length - 1];
  if (row === undefined || row % QUANT_BLOCK !== 0) {
    const found = `shape [${shape.join(", ")}] found`;
    throw new QuantizeError(name, `rows of a multiple of ${QUANT_BLOCK} expected, ${found}; leave it as it is`);
  }
  return tensorFromChunks({ name, dtype, shape }, (options) => quantizedChunks(tensor, from, dtype, options));
}

async function* quantizedChunks(
  tensor: CheckpointTensor,
  from: FloatDType,
  dtype: QuantizedDType,
  options: ChunkOptions,
): AsyncGenerator<TensorChunk> {
  const layout = storageLayout(dtype, tensor.shape);
  const scales = new Uint16Array((layout.scales?.byteLength ?? 0) / 2);
  const chunkByteLength = chunkByteLengthOf(options);
  let blocks = 0;
  let byteOffset = 0;
  for await (const floats of wholeBlocks(tensor, from, options)) {
    const quantized = quantizeNamed(tensor.name, dtype, floats);
    scales.set(quantized.scales, blocks);
    blocks += quantized.scales.length;
    yield* pieces(new Uint8Array(quantized.values.buffer), byteOffset, chunkByteLength);
    byteOffset += quantized.values.byteLength;
  }
  yield* pieces(new Uint8Array(scales.buffer), layout.scales?.byteOffset ?? 0, chunkByteLength);
}

/** The tensor's elements in arrays of whole blocks, wherever its own chunks are cut. */
async function* wholeBlocks(
  tensor: CheckpointTensor,
  dtype: FloatDType,
  options: ChunkOptions,
): AsyncGenerator<Float32Array> {
  if (isQuantized(dtype)) {
    const { values, scales } = blocksOf(dtype, tensor.shape, await tensor.read({ signal: options.signal }));
    const valuesPerBlock = values.length / scales.length;
    const step = Math.max(1, Math.floor(chunkByteLengthOf(options) / valuesPerBlock));
    for (let block = 0; block < scales.length; block += step) {
      options.signal?.throwIfAborted();
      const end = block + step;
      yield DEQUANTIZERS[dtype]({
        values: values.subarray(block * valuesPerBlock, end * valuesPerBlock),
        scales: scales.subarray(block, end),
      });
    }
    return;
  }
  let rest = new Float32Array(0);
  for await (const { bytes } of tensor.chunks(options)) {
    let floats = decodeFloats(dtype, bytes);
    if (rest.length > 0) {
      const joined = new Float32Array(rest.length + floats.length);
      joined.set(rest);
      joined.set(floats, rest.length);
      floats = joined;
    }
    const whole = floats.length - (floats.length % QUANT_BLOCK);
    if (whole > 0) yield floats.subarray(0, whole);
    rest = floats.slice(whole);
  }
}

function quantizeNamed(name: string, dtype: QuantizedDType, floats: Float32Array) {
  try {
    return QUANTIZERS[dtype](floats);
  } catch (error) {
    if (!(error instanceof QuantizeError)) throw error;
    throw new QuantizeError(name, error.message, { cause: error });
  }
}
