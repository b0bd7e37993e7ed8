/**
 * A tensor as `torch.save` pickles it: a call that makes a view of a storage, which is named by its place in the zip.
 */
import { call, global, int, type Opcodes, persistent, text, tuple } from "./pickle-opcodes.ts";

/** A tensor to write: a view of a storage. */
export interface TorchTensor {
  readonly name: string;
  /** The storage's key: it is the entry `data/<key>`. */
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
