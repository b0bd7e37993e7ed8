/**
 * What every format is read into: named tensors whose bytes come in chunks. Not here: the formats themselves, and what
 * the tensors mean to a model.
 */

import type { CodedError, DType } from "@blackmamba/tensor";
import type { ReadOptions } from "./byte-source.ts";
import { ArgumentError, MissingTensorError } from "./errors.ts";

/** 8 MiB: large enough for full disk and network speed, small beside any model. */
export const DEFAULT_CHUNK_BYTE_LENGTH = 8 * 1024 * 1024;

/** Options of `CheckpointTensor.chunks`. */
export interface ChunkOptions extends ReadOptions {
  /** The most bytes one chunk may have; 8 MiB by default, rounded down to a multiple of 4, at least 4. */
  readonly chunkByteLength?: number | undefined;
  /** Memory for the bytes of a chunk, of `chunkByteLength`, where it can be made use of. By default each chunk has its own. */
  readonly into?: Uint8Array | undefined;
}

/** Consecutive bytes of a tensor. */
export interface TensorChunk {
  /** Where the bytes belong within the tensor's `storageLayout`; a multiple of 4. */
  readonly byteOffset: number;
  /** Whole elements. Valid until the next chunk is asked for. */
  readonly bytes: Uint8Array;
}

/** A tensor in a checkpoint. Its bytes stay where they are until they are asked for. */
export interface CheckpointTensor {
  readonly name: string;
  /** Element type; quantised only in safetensors that this package wrote, or from `quantizedTensor`. */
  readonly dtype: DType;
  /** Sizes, outermost first; `[]` for a scalar. */
  readonly shape: readonly number[];
  /**
   * The elements, contiguous, row-major, little-endian, in order of `byteOffset`; for quantised types the values, then the
   * scales.
   * The padding that `storageLayout` adds is left out.
   */
  chunks(options?: ChunkOptions): AsyncIterable<TensorChunk>;
  /** All of it at once: `storageLayout(dtype, shape).byteLength` bytes that the caller owns, padding zero. */
  read(options?: ReadOptions): Promise<Uint8Array>;
}

/** An opened checkpoint, whatever its format. */
export interface Checkpoint {
  /** Name of the source. */
  readonly name: string;
  /** By name, in the file's order. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /**
   * Tensors of the file that cannot be given, such as one of 64-bit integers, and why. A checkpoint with a tensor that
   * nobody needs still opens; `requireTensor` throws the error on the one that is needed.
   */
  readonly refused?: ReadonlyMap<string, CodedError> | undefined;
  /** Plain text that came with the tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Closes the source. Tensors cannot be read afterwards. */
  close(): Promise<void>;
}

/** The tensor of that name. Throws the reason it was refused for, or `MissingTensorError`. */
export function requireTensor(checkpoint: Checkpoint, name: string): CheckpointTensor {
  const tensor = checkpoint.tensors.get(name);
  if (tensor) return tensor;
  throw checkpoint.refused?.get(name) ?? new MissingTensorError(checkpoint.name, name, checkpoint.tensors.keys());
}

/** The chunk size to use for these options, a multiple of 4. Throws `ArgumentError`. */
export function chunkByteLengthOf(options: ChunkOptions): number {
  const asked = options.chunkByteLength ?? DEFAULT_CHUNK_BYTE_LENGTH;
  if (!Number.isSafeInteger(asked) || asked < 4) {
    throw new ArgumentError("chunkByteLength", `a whole number of at least 4 expected, ${asked} found`);
  }
  return asked - (asked % 4);
}
