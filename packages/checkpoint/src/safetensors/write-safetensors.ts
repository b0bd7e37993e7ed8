/**
 * Writes a safetensors file in one pass: the header, then each tensor's bytes as they come. Not here: quantising, see
 * `quantized-tensor.ts`.
 */

import { isQuantized, storageLayout } from "@blackmamba/tensor";
import type { ByteSink } from "../byte-sink.ts";
import type { ReadOptions } from "../byte-source.ts";
import type { CheckpointTensor } from "../checkpoint.ts";
import { ArgumentError, DuplicateNameError, LimitError, WriteMismatchError } from "../errors.ts";
import { checkShape } from "../tensor-from.ts";
import { pairOf } from "./quantized-pair.ts";
import { safetensorsDtype } from "./safetensors-dtypes.ts";
import { HEADER_LENGTH_BYTE_LENGTH, MAX_HEADER_BYTE_LENGTH, METADATA_KEY } from "./safetensors-header.ts";

/** What is needed of a tensor to write it; every `CheckpointTensor` is one, see also `tensorFromBytes`. */
export type WritableTensor = Pick<CheckpointTensor, "name" | "dtype" | "shape" | "chunks">;

/** How far a file is written. */
export interface WriteProgress {
  /** Bytes of tensors that the sink has taken. */
  readonly writtenBytes: number;
  readonly totalBytes: number;
  /** The tensor they belong to. */
  readonly tensor: string;
}

/** Options of `writeSafetensors`. */
export interface WriteSafetensorsOptions extends ReadOptions {
  /** Texts for the header's `__metadata__`; none by default. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Called after each chunk, of at most 8 MiB. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/**
 * Writes the tensors to the sink and closes it; on any error it aborts the sink and throws the error.
 *
 * Tensors keep their order, save that those of 4-byte elements come first: so each lies at a multiple of its element
 * size, which readers that map the file need. The data start at a multiple of 8. A quantised tensor `X` becomes `X` (I8
 * for `q8_0`, U8 for `q4_0`) and `X.scales` (F16).
 *
 * Resolves to the file's size in bytes. Throws `DuplicateNameError`, `ArgumentError`, `TensorGeometryError`,
 * `WriteMismatchError` when a tensor's chunks are not what its shape calls for, and whatever the sink throws.
 */
export async function writeSafetensors(
  tensors: Iterable<WritableTensor>,
  sink: ByteSink,
  options: WriteSafetensorsOptions = {},
): Promise<number> {
  try {
    const ordered = inFileOrder(tensors);
    const { bytes: header, dataByteLength } = headerOf(ordered, options.metadata);
    await sink.write(header);
    let writtenBytes = 0;
    const onBytes = (byteLength: number, tensor: string) => {
      writtenBytes += byteLength;
      options.onProgress?.({ writtenBytes, totalBytes: dataByteLength, tensor });
    };
    for (const tensor of ordered) await writeTensor(tensor, sink, options.signal, onBytes);
    await sink.close();
    return header.byteLength + dataByteLength;
  } catch (error) {
    // The first error says what went wrong, not a second one from cleaning up.
    await sink.abort(error).catch(() => {});
    throw error;
  }
}

function inFileOrder(tensors: Iterable<WritableTensor>): readonly WritableTensor[] {
  const all = [...tensors];
  for (const { name, dtype, shape } of all) checkShape(name, dtype, shape);
  const isWide = (tensor: WritableTensor) => tensor.dtype === "f32" || tensor.dtype === "u32";
  return [...all.filter(isWide), ...all.filter((tensor) => !isWide(tensor))];
}

interface EncodedHeader {
  /** The header with its length before it. */
  readonly bytes: Uint8Array;
  /** Bytes of all tensors together. */
  readonly dataByteLength: number;
}

function headerOf(
  tensors: readonly WritableTensor[],
  metadata: Readonly<Record<string, string>> | undefined,
): EncodedHeader {
  const header = new Map<string, unknown>();
  if (metadata && Object.keys(metadata).length > 0) header.set(METADATA_KEY, metadata);
  let dataByteLength = 0;
  const add = (name: string, dtype: string, shape: readonly number[], byteLength: number) => {
    if (name === METADATA_KEY) throw new ArgumentError(name, "this name is the format's own; rename the tensor");
    if (header.has(name)) throw new DuplicateNameError("writeSafetensors", name);
    header.set(name, { dtype, shape, data_offsets: [dataByteLength, dataByteLength + byteLength] });
    dataByteLength += byteLength;
  };
  for (const { name, dtype, shape } of tensors) {
    const layout = storageLayout(dtype, shape);
    if (isQuantized(dtype)) {
      const [values, scales] = pairOf(name, dtype, shape);
      add(name, values.dtype, values.shape, layout.values.byteLength);
      add(scales.name, scales.dtype, scales.shape, layout.scales?.byteLength ?? 0);
    } else {
      add(name, safetensorsDtype(dtype), shape, layout.values.byteLength);
    }
  }

  // Member by member: `Object.fromEntries` would move names such as "7" to the front.
  const members = [...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const paddedByteLength = Math.ceil(json.byteLength / 8) * 8;
  if (paddedByteLength > MAX_HEADER_BYTE_LENGTH) {
    const found = `a header of ${paddedByteLength} bytes for ${tensors.length} tensors`;
    throw new LimitError(
      "writeSafetensors",
      `${found}; at most ${MAX_HEADER_BYTE_LENGTH} are written, as no more are read`,
    );
  }
  const bytes = new Uint8Array(HEADER_LENGTH_BYTE_LENGTH + paddedByteLength).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(paddedByteLength), true);
  bytes.set(json, HEADER_LENGTH_BYTE_LENGTH);
  return { bytes, dataByteLength };
}

async function writeTensor(
  tensor: WritableTensor,
  sink: ByteSink,
  signal: AbortSignal | undefined,
  onBytes: (byteLength: number, tensor: string) => void,
): Promise<void> {
  const layout = storageLayout(tensor.dtype, tensor.shape);
  const parts = layout.scales ? [layout.values, layout.scales] : [layout.values];
  let partIndex = 0;
  let done = 0;
  const skipFullParts = () => {
    while (partIndex < parts.length && done === parts[partIndex]?.byteLength) {
      partIndex++;
      done = 0;
    }
  };
  skipFullParts();
  for await (const { byteOffset, bytes } of tensor.chunks({ signal })) {
    signal?.throwIfAborted();
    const part = parts[partIndex];
    if (!part || byteOffset !== part.byteOffset + done || bytes.byteLength > part.byteLength - done) {
      const expected = part ? `bytes from ${part.byteOffset + done} on expected` : "no more bytes expected";
      const found = `${bytes.byteLength} at ${byteOffset} found; chunks come in order and without gaps`;
      throw new WriteMismatchError(tensor.name, `${expected}, ${found}`);
    }
    await sink.write(bytes);
    done += bytes.byteLength;
    onBytes(bytes.byteLength, tensor.name);
    skipFullParts();
  }
  const missing = parts[partIndex];
  if (missing) {
    const where = missing.byteOffset + done;
    throw new WriteMismatchError(tensor.name, `its chunks end at byte ${where}, ${layout.byteLength} bytes expected`);
  }
}
