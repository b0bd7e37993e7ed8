/**
 * Opens a GGUF file. Only its header is read at opening. Not here: what the names and the metadata mean to a model.
 */
import { type CodedError, isQuantized, type QuantizedDType, storageLayout } from "@blackmamba/tensor";
import type { ByteSource, ReadOptions } from "../byte-source.ts";
import {
  type Checkpoint,
  type CheckpointTensor,
  type ChunkOptions,
  chunkByteLengthOf,
  type TensorChunk,
} from "../checkpoint.ts";
import { UnsupportedDtypeError } from "../errors.ts";
import { pieces, tensorFromChunks, tensorFromRanges } from "../tensor-from.ts";
import { GGML_TYPES, OTHER_GGML_TYPES } from "./ggml-types.ts";
import { takeApart, VALUE_BYTES } from "./gguf-blocks.ts";
import { type GgufEntry, readGgufHeader } from "./gguf-header.ts";
import { EncodedGgufValue, type GgufValue } from "./gguf-values.ts";

/** A GGUF file, opened. */
export interface GgufCheckpoint extends Checkpoint {
  /** The file's metadata; its texts are in `metadata` too. */
  readonly values: ReadonlyMap<string, GgufValue>;
  /** All of it as it is in the file, for `writeGguf` to write it again without loss. */
  readEncodedValues(options?: ReadOptions): Promise<Map<string, EncodedGgufValue>>;
}

/**
 * Opens a GGUF file, of version 2 or 3: F32, F16, BF16, Q8_0 and Q4_0. Shapes are given outermost first, the other way round
 * than in the file; quantised blocks come in this project's order.
 *
 * Tensors of other types are in `refused`, each with its `UnsupportedDtypeError`.
 *
 * The checkpoint owns the source and closes it; if opening fails, the source stays open.
 *
 * Throws `EmptyFileError`, `TruncatedError`, `GgufError`, `DuplicateNameError`, `LimitError`.
 */
export async function openGguf(source: ByteSource, options: ReadOptions = {}): Promise<GgufCheckpoint> {
  const { values, places, entries } = await readGgufHeader(source, options);
  const tensors = new Map<string, CheckpointTensor>();
  const refused = new Map<string, CodedError>();
  for (const entry of entries.values()) {
    const tensor = ggufTensor(source, entry);
    if (tensor) {
      tensors.set(entry.name, tensor);
      continue;
    }
    const expected = [...GGML_TYPES.values()].map(({ name }) => name).join(", ");
    const found = OTHER_GGML_TYPES.get(entry.typeNumber) ?? `number ${entry.typeNumber}`;
    refused.set(entry.name, new UnsupportedDtypeError(source.name, entry.name, found, expected));
  }
  // A null prototype, so that a key such as `__proto__` is only a key.
  const metadata: Record<string, string> = Object.create(null);
  for (const [key, value] of values) if (typeof value === "string") metadata[key] = value;
  return {
    ...{ name: source.name, tensors, refused, metadata, values },
    async readEncodedValues(readOptions = {}) {
      const encoded = new Map<string, EncodedGgufValue>();
      for (const [key, { byteOffset, byteLength }] of places) {
        encoded.set(key, new EncodedGgufValue(await source.read(byteOffset, byteLength, readOptions)));
      }
      return encoded;
    },
    close: async () => source.close?.(),
  };
}

function ggufTensor(source: ByteSource, { name, type, shape, byteOffset }: GgufEntry): CheckpointTensor | undefined {
  if (!type) return undefined;
  const { dtype } = type;
  const info = { name, dtype, shape };
  if (isQuantized(dtype)) {
    return tensorFromChunks(info, (chunkOptions) =>
      quantizedChunks(source, { dtype, shape, byteOffset }, chunkOptions),
    );
  }
  const part = storageLayout(dtype, shape).values;
  return tensorFromRanges(info, source, [{ part, sourceByteOffset: byteOffset }]);
}

/** Values as they come; the scales, which a file keeps between them, are kept until the end. */
async function* quantizedChunks(
  source: ByteSource,
  tensor: { readonly dtype: QuantizedDType; readonly shape: readonly number[]; readonly byteOffset: number },
  options: ChunkOptions,
): AsyncGenerator<TensorChunk> {
  const { dtype, shape, byteOffset } = tensor;
  const layout = storageLayout(dtype, shape);
  const chunkByteLength = chunkByteLengthOf(options);
  const size = VALUE_BYTES[dtype];
  const blocks = layout.values.byteLength / size;
  const scales = new Uint16Array(blocks);
  const step = Math.max(1, Math.floor(chunkByteLength / size));
  for (let block = 0; block < blocks; block += step) {
    options.signal?.throwIfAborted();
    const count = Math.min(step, blocks - block);
    const bytes = await source.read(byteOffset + block * (size + 2), count * (size + 2), { signal: options.signal });
    const values = new Uint8Array(count * size);
    takeApart(dtype, bytes, values, scales.subarray(block, block + count));
    // A chunk may be smaller than a block.
    yield* pieces(values, block * size, chunkByteLength);
  }
  yield* pieces(new Uint8Array(scales.buffer), layout.scales?.byteOffset ?? 0, chunkByteLength);
}
