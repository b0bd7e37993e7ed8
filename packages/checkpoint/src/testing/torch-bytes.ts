/**
 * Writes files as `torch.save` does, for tests: any storages, any views of them, and the mistakes that tests need.
 */

import { call, dict, global, int, type Opcodes, orderedDict, persistent, pickle, text, tuple } from "./pickle-bytes.ts";
import { type ZipInput, type ZipOptions, type ZipPieces, zip, zipPieces } from "./zip-bytes.ts";

/** A tensor to write: a view of the storage `key`. */
export interface TorchTensor {
  readonly name: string;
  readonly storage: string;
  /** Name of torch's storage class without "Storage"; "BFloat16" by default. */
  readonly storageClass?: string | undefined;
  /** In elements; 0 by default. */
  readonly offset?: number | undefined;
  readonly shape: readonly number[];
  /** In elements; contiguous by default. */
  readonly strides?: readonly number[] | undefined;
  /** Elements the pickle claims the storage to have; what the view needs by default. */
  readonly storageElements?: number | undefined;
}

/** A file to write. */
export interface TorchFile extends ZipOptions {
  readonly tensors: readonly TorchTensor[];
  /** Bytes of each storage, or only how many, for zeros. */
  readonly storages: Readonly<Record<string, Uint8Array | number>>;
  /** Whether the tensors are under the key "model"; false by default. */
  readonly model?: boolean | undefined;
  /** Content of the entry `byteorder`; "little" by default, `null` for none. */
  readonly byteOrder?: string | null | undefined;
  /** Name of the root folder; "archive" by default. */
  readonly root?: string | undefined;
  /** In place of the pickle made of `tensors`. */
  readonly pickle?: Uint8Array | undefined;
}

/** The file's bytes. */
export function torchFile(file: TorchFile): Uint8Array {
  return zip(torchEntries(file), file);
}

/** The file as pieces with holes between. */
export function torchFilePieces(file: TorchFile): ZipPieces {
  return zipPieces(torchEntries(file), file);
}

/** The zip's entries. */
export function torchEntries(file: TorchFile): ZipInput[] {
  const { tensors, storages, model = false, byteOrder = "little", root = "archive" } = file;
  const items = tensors.map((tensor) => [text(tensor.name), tensorOpcodes(tensor)] as const);
  const stateDict = orderedDict(items);
  const whole = pickle(model ? dict([[text("model"), stateDict]]) : stateDict);
  const entries: ZipInput[] = [{ name: `${root}/data.pkl`, content: file.pickle ?? whole }];
  if (byteOrder !== null) entries.push({ name: `${root}/byteorder`, content: new TextEncoder().encode(byteOrder) });
  for (const [key, content] of Object.entries(storages)) entries.push({ name: `${root}/data/${key}`, content });
  entries.push({ name: `${root}/version`, content: new TextEncoder().encode("3\n") });
  return entries;
}

/** The opcodes that rebuild a tensor. */
export function tensorOpcodes(tensor: TorchTensor): Opcodes {
  const { storage, storageClass = "BFloat16", offset = 0, shape } = tensor;
  const strides = tensor.strides ?? contiguousStrides(shape);
  const needed = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), offset + 1);
  const id = tuple(
    text("storage"),
    global("torch", `${storageClass}Storage`),
    text(storage),
    text("cpu"),
    int(tensor.storageElements ?? needed),
  );
  const args = [
    persistent(id),
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    [0x89], // requires_grad
    call(global("collections", "OrderedDict"), tuple()),
  ];
  return call(global("torch._utils", "_rebuild_tensor_v2"), tuple(...args));
}

/** Strides of a contiguous tensor, in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}
