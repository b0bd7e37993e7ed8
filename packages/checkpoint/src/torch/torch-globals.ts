/**
 * What the globals of a torch checkpoint stand for: records of where tensors lie, nothing more. Whether a record makes
 * sense is checked in `tensor-view.ts`, once its tensor's name is known.
 */

import type { DType } from "@blackmamba/tensor";
import { PickledGlobal, type PickleGlobals, PLAIN_GLOBALS } from "./pickle.ts";

/** The element type of each storage class that is allowed. */
export const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.FloatStorage", "f32"],
  ["torch.HalfStorage", "f16"],
  ["torch.BFloat16Storage", "bf16"],
]);

/** An entry `data/<key>` of the zip, as the pickle refers to it. */
export class StorageRecord {
  readonly dtype: DType;
  readonly key: string;
  /** As the pickle has it, not yet checked. */
  readonly elementCount: unknown;

  constructor(dtype: DType, key: string, elementCount: unknown) {
    this.dtype = dtype;
    this.key = key;
    this.elementCount = elementCount;
  }
}

/** A tensor as the pickle has it: a view of a storage. Its numbers are not yet checked. */
export class TensorRecord {
  readonly storage: StorageRecord;
  /** In elements. */
  readonly offset: unknown;
  readonly shape: unknown;
  /** In elements. */
  readonly strides: unknown;

  constructor(storage: StorageRecord, offset: unknown, shape: unknown, strides: unknown) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** The only globals a torch checkpoint may name. */
export const TORCH_GLOBALS: PickleGlobals = new Map([
  ...PLAIN_GLOBALS,
  ["torch._utils._rebuild_tensor_v2", rebuildTensor] as const,
  ...[...STORAGE_DTYPES.keys()].map((name) => [name, null] as const),
]);

/** `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None)` */
function rebuildTensor(args: readonly unknown[]): TensorRecord {
  const [storage, offset, shape, strides] = args;
  if (args.length < 6 || args.length > 7) throw new TypeError(`6 or 7 arguments expected, ${args.length} found`);
  if (!(storage instanceof StorageRecord)) throw new TypeError("the first is not a storage");
  return new TensorRecord(storage, offset, shape, strides);
}

/** `("storage", class, key, location, element count)` */
export function loadStorage(id: unknown): StorageRecord {
  if (!Array.isArray(id) || id.length !== 5) throw new TypeError("a tuple of 5 expected");
  const [kind, storageClass, key, , elementCount] = id as unknown[];
  if (kind !== "storage") throw new TypeError('"storage" expected first');
  if (typeof key !== "string") throw new TypeError("the storage's key is no string");
  const dtype = storageClass instanceof PickledGlobal ? STORAGE_DTYPES.get(storageClass.name) : undefined;
  if (!dtype) throw new TypeError("the storage has no element type");
  return new StorageRecord(dtype, key, elementCount);
}
