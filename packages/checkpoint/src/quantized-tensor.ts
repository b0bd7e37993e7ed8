/**
 * A tensor in a quantised type, made while it is read. Not here: the arithmetic, see `quantize/`.
 */

import { type DType, isQuantized, QUANT_BLOCK, type QuantizedDType, storageLayout } from "@blackmamba/tensor";
import { type CheckpointTensor, type ChunkOptions, chunkByteLengthOf, type TensorChunk } from "./checkpoint.ts";
import { chunksAhead } from "./chunks-ahead.ts";
import { blocksOf, decodeFloats, viewBytes } from "./decode-tensor.ts";
import { QuantizeError } from "./errors.ts";
import type { QuantizedBlocks } from "./quantize/blocks.ts";
import { DEQUANTIZERS, QUANTIZERS } from "./quantize/quantize.ts";
import { quantizeBits, roomFor } from "./quantize/quantize-bits.ts";
import { pieces, tensorFromChunks } from "./tensor-from.ts";

/** Bytes that are read at a time to be quantised: all of them, and what becomes of them, are in the processor's cache then. */
const READ_BYTE_LENGTH = 1 << 20;

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
  const quantized =
    from === "f16" || from === "bf16"
      ? quantizedBits(tensor, from, dtype, options)
      : quantizedFloats(tensor, from, dtype, options);
  for await (const each of quantized) {
    scales.set(each.scales, blocks);
    blocks += each.scales.length;
    const { buffer, byteOffset: start, byteLength } = each.values;
    yield* pieces(new Uint8Array(buffer, start, byteLength), byteOffset, chunkByteLength);
    byteOffset += byteLength;
  }
  yield* pieces(new Uint8Array(scales.buffer), layout.scales?.byteOffset ?? 0, chunkByteLength);
}

/** Of 16-bit elements, which are most there are: without a float32 of each in memory. Blocks are valid until the next are asked for. */
async function* quantizedBits(
  tensor: CheckpointTensor,
  from: "f16" | "bf16",
  dtype: QuantizedDType,
  options: ChunkOptions,
): AsyncGenerator<QuantizedBlocks> {
  let room: QuantizedBlocks | undefined;
  for await (const bytes of wholeBlocks(tensor, 2, options)) {
    const bits = viewBytes(Uint16Array, bytes);
    const blocks = bits.length / QUANT_BLOCK;
    // As large as the first one: few are larger.
    if (!room || room.scales.length < blocks) room = roomFor(dtype, blocks);
    const values = room.values.subarray(0, (room.values.length / room.scales.length) * blocks);
    const scales = room.scales.subarray(0, blocks);
    if (quantizeBits(dtype, from, bits, values, scales)) yield { values, scales };
    // Says what is wrong, and where.
    else yield quantizeNamed(tensor.name, dtype, decodeFloats(from, bytes));
  }
}

async function* quantizedFloats(
  tensor: CheckpointTensor,
  from: "f32" | QuantizedDType,
  dtype: QuantizedDType,
  options: ChunkOptions,
): AsyncGenerator<QuantizedBlocks> {
  if (isQuantized(from)) {
    const { values, scales } = blocksOf(from, tensor.shape, await tensor.read({ signal: options.signal }));
    const valuesPerBlock = values.length / scales.length;
    const step = Math.max(1, Math.floor(chunkByteLengthOf(options) / valuesPerBlock));
    for (let block = 0; block < scales.length; block += step) {
      options.signal?.throwIfAborted();
      const end = block + step;
      const part = {
        values: values.subarray(block * valuesPerBlock, end * valuesPerBlock),
        scales: scales.subarray(block, end),
      };
      yield quantizeNamed(tensor.name, dtype, DEQUANTIZERS[from](part));
    }
    return;
  }
  for await (const bytes of wholeBlocks(tensor, 4, options)) {
    yield quantizeNamed(tensor.name, dtype, decodeFloats(from, bytes));
  }
}

/** The bytes of whole blocks of elements, wherever the tensor's own chunks are cut. */
async function* wholeBlocks(
  tensor: CheckpointTensor,
  elementByteLength: number,
  options: ChunkOptions,
): AsyncGenerator<Uint8Array> {
  const blockByteLength = QUANT_BLOCK * elementByteLength;
  let rest = new Uint8Array(0);
  const chunkByteLength = Math.min(chunkByteLengthOf(options), READ_BYTE_LENGTH);
  for await (const chunk of chunksAhead(tensor.chunks({ ...options, chunkByteLength }))) {
    let { bytes } = chunk;
    if (rest.length > 0) {
      const joined = new Uint8Array(rest.length + bytes.length);
      joined.set(rest);
      joined.set(bytes, rest.length);
      bytes = joined;
    }
    const whole = bytes.length - (bytes.length % blockByteLength);
    if (whole > 0) yield bytes.subarray(0, whole);
    rest = bytes.slice(whole);
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
