/**
 * Writes a `pytorch_model.bin` in one pass, as `torch.save` does: a pickle of a dict of tensors, and a storage for each. Not here:
 * quantised tensors, for which torch has no type.
 */
import { type DType, elementCount, storageLayout } from "@blackmamba/tensor";
import type { ByteSink } from "../byte-sink.ts";
import type { ReadOptions } from "../byte-source.ts";
import { DuplicateNameError, UnsupportedDtypeError } from "../errors.ts";
import { orderedBytes } from "../ordered-bytes.ts";
import type { WritableTensor, WriteProgress } from "../safetensors/write-safetensors.ts";
import { checkShape } from "../tensor-from.ts";
import { dict, type Opcodes, orderedDict, pickle, text } from "./pickle-opcodes.ts";
import { tensorOpcodes } from "./tensor-opcodes.ts";
import { STORAGE_DTYPES } from "./torch-globals.ts";
import { createZipWriter } from "./write-zip.ts";

/** Options of {@link writeTorch}. */
export interface WriteTorchOptions extends ReadOptions {
  /** The dict of tensors is the value of this key of another dict; by default it is the outermost. */
  readonly key?: string | undefined;
  /** Called after each chunk that was written. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/** The folder that all entries are in; readers take any. */
const ROOT = "pytorch_model";

/**
 * Writes the tensors, f32, f16 or bf16, to the sink and closes it; on any error it aborts the sink and throws the error. torch
 * loads the file, also with `weights_only=True`.
 *
 * @returns the file's size in bytes
 *
 * Throws `DuplicateNameError`, `UnsupportedDtypeError`, `TensorGeometryError`, `WriteMismatchError` when a tensor's chunks are not
 * what its shape calls for, and whatever the sink throws.
 */
export async function writeTorch(
  tensors: Iterable<WritableTensor>,
  sink: ByteSink,
  { key, signal, onProgress }: WriteTorchOptions = {},
): Promise<number> {
  try {
    const all = [...tensors];
    const data = pickleOf(all, key);
    const totalBytes = all.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
    let writtenBytes = 0;
    const zip = createZipWriter(async (bytes) => {
      signal?.throwIfAborted();
      await sink.write(bytes);
    });
    const small = (name: string, bytes: Uint8Array) => zip.entry(`${ROOT}/${name}`, bytes.byteLength, [bytes]);
    await small("data.pkl", data);
    await small("byteorder", new TextEncoder().encode("little"));
    for (const [index, tensor] of all.entries()) {
      await zip.entry(`${ROOT}/data/${index}`, byteLengthOf(tensor), reported(tensor));
    }
    await small("version", new TextEncoder().encode("3\n"));
    const byteLength = await zip.finish();
    await sink.close();
    return byteLength;

    async function* reported(tensor: WritableTensor): AsyncGenerator<Uint8Array> {
      for await (const bytes of orderedBytes(tensor, { signal })) {
        yield bytes;
        // Asked for the next, so these were written.
        writtenBytes += bytes.byteLength;
        onProgress?.({ writtenBytes, totalBytes, tensor: tensor.name });
      }
    }
  } catch (error) {
    // The first error says what went wrong, not a second one from cleaning up.
    await sink.abort(error).catch(() => {});
    throw error;
  }
}

function byteLengthOf({ dtype, shape }: WritableTensor): number {
  return storageLayout(dtype, shape).values.byteLength;
}

function pickleOf(tensors: readonly WritableTensor[], key: string | undefined): Uint8Array {
  const names = new Set<string>();
  const items = tensors.map(({ name, dtype, shape }, index): readonly [Opcodes, Opcodes] => {
    const storageClass = storageClassOf(name, dtype);
    checkShape(name, dtype, shape);
    if (names.has(name)) throw new DuplicateNameError("writeTorch", name);
    names.add(name);
    const storageElements = elementCount(shape);
    return [text(name), tensorOpcodes({ name, storage: String(index), storageClass, shape, storageElements })];
  });
  const state = orderedDict(items);
  return pickle(key === undefined ? state : dict([[text(key), state]]));
}

/** Such as `BFloat16`. */
function storageClassOf(name: string, dtype: DType): string {
  const [global] = [...STORAGE_DTYPES].find(([, each]) => each === dtype) ?? [];
  if (global !== undefined) return global.replace(/^torch\.(.*)Storage$/, "$1");
  throw new UnsupportedDtypeError("writeTorch", name, dtype, [...STORAGE_DTYPES.values()].join(", "));
}
