/**
 * Makes a `CheckpointTensor` of the ways its bytes can be had: a stream of chunks, ranges of a source, or an array.
 */

import { type ByteRange, type DType, elementCount, isQuantized, QUANT_BLOCK, storageLayout } from "@blackmamba/tensor";
import { type ByteSource, bytesSource, isCount } from "./byte-source.ts";
import { type CheckpointTensor, type ChunkOptions, chunkByteLengthOf, type TensorChunk } from "./checkpoint.ts";
import { ArgumentError, LimitError, TensorGeometryError, WriteMismatchError } from "./errors.ts";

/** What a tensor is, without its bytes. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
}

/** Bytes of a source that make up a part of a tensor. */
export interface SourceRange {
  /** The part, within the tensor's `storageLayout`. */
  readonly part: ByteRange;
  /** Where it lies in the source; a function when that must itself be looked up, on first use. */
  readonly sourceByteOffset: number | (() => Promise<number>);
}

/** A tensor whose bytes `chunks` yields. */
export function tensorFromChunks(
  info: TensorInfo,
  chunks: (options: ChunkOptions) => AsyncIterable<TensorChunk>,
): CheckpointTensor {
  const { name, dtype, shape } = info;
  return {
    name,
    dtype,
    shape,
    chunks: (options = {}) => chunks(options),
    async read(options = {}) {
      const bytes = allocate(name, storageLayout(dtype, shape).byteLength);
      for await (const chunk of chunks(options)) bytes.set(chunk.bytes, chunk.byteOffset);
      return bytes;
    },
  };
}

/** A tensor that lies contiguously in a source, in one range, or for quantised types in two. */
export function tensorFromRanges(
  info: TensorInfo,
  source: ByteSource,
  ranges: readonly SourceRange[],
): CheckpointTensor {
  return tensorFromChunks(info, async function* (options) {
    const chunkByteLength = chunkByteLengthOf(options);
    const readOptions = { signal: options.signal, into: options.into };
    for (const { part, sourceByteOffset } of ranges) {
      if (part.byteLength === 0) continue;
      const start = typeof sourceByteOffset === "number" ? sourceByteOffset : await sourceByteOffset();
      for (let done = 0; done < part.byteLength; done += chunkByteLength) {
        options.signal?.throwIfAborted();
        const byteLength = Math.min(chunkByteLength, part.byteLength - done);
        yield { byteOffset: part.byteOffset + done, bytes: await source.read(start + done, byteLength, readOptions) };
      }
    }
  });
}

/** Bytes that belong at `byteOffset`, as chunks of at most so many. */
export function* pieces(bytes: Uint8Array, byteOffset: number, chunkByteLength: number): Generator<TensorChunk> {
  for (let done = 0; done < bytes.byteLength; done += chunkByteLength) {
    yield { byteOffset: byteOffset + done, bytes: bytes.subarray(done, done + chunkByteLength) };
  }
}

/**
 * A tensor whose bytes are in memory, for `writeSafetensors` and for tests.
 *
 * @param bytes as `storageLayout(dtype, shape)` has them; the padding at the end may be left out. Not copied.
 */
export function tensorFromBytes(info: TensorInfo, bytes: Uint8Array): CheckpointTensor {
  checkShape(info.name, info.dtype, info.shape);
  const layout = storageLayout(info.dtype, info.shape);
  const parts = layout.scales ? [layout.values, layout.scales] : [layout.values];
  const last = parts[parts.length - 1] as ByteRange;
  if (bytes.byteLength !== layout.byteLength && bytes.byteLength !== last.byteOffset + last.byteLength) {
    const expected = `${layout.byteLength} bytes expected for ${info.dtype} [${info.shape.join(", ")}]`;
    throw new WriteMismatchError(info.name, `${expected}, ${bytes.byteLength} found`);
  }
  const ranges = parts.map((part) => ({ part, sourceByteOffset: part.byteOffset }));
  return tensorFromRanges(info, bytesSource(bytes, info.name), ranges);
}

/** Throws unless the sizes are whole, their product can be counted, and quantised rows are made of whole blocks. */
export function checkShape(name: string, dtype: DType, shape: readonly number[]): void {
  if (!shape.every(isCount) || !isCount(elementCount(shape) * 4)) {
    throw new TensorGeometryError(name, `shape [${shape.join(", ")}] is not made of sizes that can be stored`);
  }
  const row = shape[shape.length - 1] ?? 1;
  if (isQuantized(dtype) && row % QUANT_BLOCK !== 0) {
    throw new ArgumentError(
      name,
      `${dtype} rows are multiples of ${QUANT_BLOCK} elements, ${row} found; keep it as bf16`,
    );
  }
}

function allocate(name: string, byteLength: number): Uint8Array {
  try {
    return new Uint8Array(byteLength);
  } catch (cause) {
    throw new LimitError(name, `${byteLength} bytes do not fit into one array; take the tensor in chunks()`, { cause });
  }
}
