/**
 * Writes a GGUF file of version 3 in one pass: the header, then each tensor's bytes. Not here: names and metadata, which a model
 * knows, and quantising, see `quantized-tensor.ts`.
 */
import { isQuantized, type QuantizedDType, storageLayout } from "@blackmamba/tensor";
import type { ByteSink } from "../byte-sink.ts";
import type { ReadOptions } from "../byte-source.ts";
import { DuplicateNameError, UnsupportedDtypeError, WriteMismatchError } from "../errors.ts";
import { orderedBytes } from "../ordered-bytes.ts";
import type { WritableTensor, WriteProgress } from "../safetensors/write-safetensors.ts";
import { checkShape } from "../tensor-from.ts";
import { GGML_TYPES } from "./ggml-types.ts";
import { putTogether } from "./gguf-blocks.ts";
import { encodeText, encodeValue, u32, u64 } from "./gguf-encode.ts";
import { byteLengthOf } from "./gguf-header.ts";
import { EncodedGgufValue, type GgufValue } from "./gguf-values.ts";

/** Options of {@link writeGguf}. */
export interface WriteGgufOptions extends ReadOptions {
  /**
   * The metadata. Whole numbers become u32, or i32 below 0, others f32; a `bigint` becomes u64; of lists the kind of array says what
   * they hold. What `readEncodedValues` gave is written as it was.
   */
  readonly values?: ReadonlyMap<string, GgufValue | EncodedGgufValue> | undefined;
  /** Called after each piece that was written. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

const VERSION = 3;

/** Every tensor begins at a multiple of so many bytes, the format's default. */
const ALIGNMENT = 32;

/** Blocks of a quantised tensor are put together so many at a time. */
const BLOCKS_AT_ONCE = 1 << 15;

/** Of the largest. */
const MOST_BLOCK_BYTES = 34;

/**
 * Writes the tensors to the sink and closes it; on any error it aborts the sink and throws the error. Quantised tensors are read
 * whole, one after another, as their scales lie between their values in the file.
 *
 * @returns the file's size in bytes
 *
 * Throws `DuplicateNameError`, `UnsupportedDtypeError` for `u32`, `TensorGeometryError`, `WriteMismatchError` when a tensor's chunks
 * are not what its shape calls for, and whatever the sink throws.
 */
export async function writeGguf(
  tensors: Iterable<WritableTensor>,
  sink: ByteSink,
  { values = new Map(), signal, onProgress }: WriteGgufOptions = {},
): Promise<number> {
  try {
    const all = [...tensors].map((tensor) => ({ tensor, type: typeOf(tensor) }));
    const header = headerOf(all, values);
    const totalBytes = all.reduce((sum, { tensor, type }) => sum + byteLengthOf(type.type, tensor.shape), 0);
    let writtenBytes = 0;
    let position = 0;
    const write = async (bytes: Uint8Array) => {
      signal?.throwIfAborted();
      await sink.write(bytes);
      position += bytes.byteLength;
    };
    const room: Room = { whole: new Uint8Array(0), blocks: new Uint8Array(BLOCKS_AT_ONCE * MOST_BLOCK_BYTES) };
    const pad = () => write(new Uint8Array(padding(position)));
    await write(header);
    await pad();
    for (const { tensor } of all) {
      for await (const bytes of isQuantized(tensor.dtype)
        ? blocksOf(tensor, room, signal)
        : orderedBytes(tensor, { signal })) {
        await write(bytes);
        writtenBytes += bytes.byteLength;
        onProgress?.({ writtenBytes, totalBytes, tensor: tensor.name });
      }
      await pad();
    }
    await sink.close();
    return position;
  } catch (error) {
    // The first error says what went wrong, not a second one from cleaning up.
    await sink.abort(error).catch(() => {});
    throw error;
  }
}

function typeOf({ name, dtype, shape }: WritableTensor) {
  checkShape(name, dtype, shape);
  for (const [number, type] of GGML_TYPES) if (type.dtype === dtype) return { number, type };
  const expected = [...GGML_TYPES.values()].map((type) => type.dtype).join(", ");
  throw new UnsupportedDtypeError("writeGguf", name, dtype, expected);
}

function padding(position: number): number {
  return Math.ceil(position / ALIGNMENT) * ALIGNMENT - position;
}

function headerOf(
  tensors: readonly { readonly tensor: WritableTensor; readonly type: ReturnType<typeof typeOf> }[],
  values: ReadonlyMap<string, GgufValue | EncodedGgufValue>,
): Uint8Array {
  const pieces: Uint8Array[] = [new TextEncoder().encode("GGUF"), u32(VERSION), u64(tensors.length), u64(values.size)];
  for (const [key, value] of values) {
    pieces.push(encodeText(key), ...(value instanceof EncodedGgufValue ? [value.bytes] : encodeValue(value)));
  }
  const names = new Set<string>();
  let place = 0;
  for (const { tensor, type } of tensors) {
    if (names.has(tensor.name)) throw new DuplicateNameError("writeGguf", tensor.name);
    names.add(tensor.name);
    pieces.push(encodeText(tensor.name), u32(tensor.shape.length));
    for (const size of [...tensor.shape].reverse()) pieces.push(u64(size));
    pieces.push(u32(type.number), u64(place));
    place += byteLengthOf(type.type, tensor.shape);
    place += padding(place);
  }
  const header = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    header.set(piece, at);
    at += piece.byteLength;
  }
  return header;
}

/** Memory that one tensor after another uses: to ask for it anew takes about as long as to fill it. */
interface Room {
  /** The tensor, as `storageLayout` has it. */
  whole: Uint8Array;
  /** Blocks as they are in the file. */
  readonly blocks: Uint8Array;
}

/** Values and scales, block by block. Bytes are valid until the next are asked for. */
async function* blocksOf(
  tensor: WritableTensor,
  room: Room,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const dtype = tensor.dtype as QuantizedDType;
  const { values, scales = values, byteLength } = storageLayout(dtype, tensor.shape);
  if (room.whole.length < byteLength) room.whole = new Uint8Array(byteLength);
  const { whole } = room;
  let read = 0;
  for await (const { byteOffset, bytes } of tensor.chunks({ signal })) {
    whole.set(bytes, byteOffset);
    read += bytes.byteLength;
  }
  const expected = values.byteLength + scales.byteLength;
  if (read !== expected)
    throw new WriteMismatchError(tensor.name, `${expected} bytes expected, its chunks gave ${read}`);
  const blocks = scales.byteLength / 2;
  const size = values.byteLength / blocks;
  for (let block = 0; block < blocks; block += BLOCKS_AT_ONCE) {
    const end = Math.min(block + BLOCKS_AT_ONCE, blocks);
    const bytes = room.blocks.subarray(0, (end - block) * (size + 2));
    putTogether(
      dtype,
      whole.subarray(block * size, end * size),
      whole.subarray(scales.byteOffset + 2 * block, scales.byteOffset + 2 * end),
      bytes,
    );
    yield bytes;
  }
}
