/**
 * A tensor's place within its storage, checked: offset, shape and strides that never reach outside of it. Not here:
 * reading the elements, see `gather.ts`.
 */

import { isCount } from "../byte-source.ts";
import { LimitError, StorageTooSmallError, TensorGeometryError } from "../errors.ts";
import type { TensorRecord } from "./torch-globals.ts";

/** Element `[i, j, …]` lies at `offset + i * strides[0] + j * strides[1] + …`; all in elements. */
export interface TensorView {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** torch's own functions stop at 64. */
const MAX_RANK = 64;

/** 64 GiB: ten times the largest published model. Only an expanded view (stride 0) can be larger than its file. */
const MAX_TENSOR_BYTE_LENGTH = 64 * 1024 ** 3;

/**
 * The record's view, if it lies within its storage.
 *
 * @param storageByteLength size of the storage's entry in the file
 * @param elementByteLength size of an element
 */
export function checkedView(
  source: string,
  name: string,
  record: TensorRecord,
  storageByteLength: number,
  elementByteLength: number,
): TensorView {
  const { offset, shape, strides } = record;
  const storageElements = record.storage.elementCount;
  if (!isCount(offset) || !isCount(storageElements) || !isSizes(shape) || !isSizes(strides)) {
    const what = "offset, shape, strides and storage size must be whole numbers from 0; save the file again";
    throw new TensorGeometryError(source, `tensor "${name}": ${what}`);
  }
  if (shape.length !== strides.length) {
    const found = `${shape.length} sizes, but ${strides.length} strides; save the file again`;
    throw new TensorGeometryError(source, `tensor "${name}" has ${found}`);
  }
  if (storageElements * elementByteLength > storageByteLength) {
    const expected = `${storageElements} elements of ${elementByteLength} bytes expected`;
    const found = `its entry "data/${record.storage.key}" has ${storageByteLength} bytes`;
    throw new StorageTooSmallError(source, `tensor "${name}": ${expected}, ${found}; download or save the file again`);
  }
  const view = { offset, shape: [...shape], strides: [...strides] };
  const count = shape.reduce((product, size) => product * size, 1);
  const end = count === 0 ? offset : offset + 1 + lastIndex(view);
  if (end > storageElements) {
    const found = `its storage has ${storageElements}; download or save the file again`;
    throw new StorageTooSmallError(source, `tensor "${name}" reaches to element ${end}, but ${found}`);
  }
  if (!(count * elementByteLength <= MAX_TENSOR_BYTE_LENGTH)) {
    const limit = `at most ${MAX_TENSOR_BYTE_LENGTH} bytes are read`;
    throw new LimitError(source, `tensor "${name}" of shape [${shape.join(", ")}] is too large; ${limit}`);
  }
  return view;
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MAX_RANK && value.every(isCount);
}

/** Index of the last element, seen from the first. */
function lastIndex(view: TensorView): number {
  return view.shape.reduce((sum, size, axis) => sum + (size - 1) * (view.strides[axis] as number), 0);
}

/**
 * The same elements in the same order with as few axes as possible: axes of size 1 go, axes that follow each other
 * without a gap become one. A contiguous tensor becomes one axis of stride 1.
 */
export function mergedAxes(view: TensorView): {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
} {
  const sizes: number[] = [];
  const strides: number[] = [];
  for (const [axis, size] of view.shape.entries()) {
    if (size === 1) continue;
    const stride = view.strides[axis] as number;
    const last = sizes.length - 1;
    if (last >= 0 && strides[last] === stride * size) {
      sizes[last] = (sizes[last] as number) * size;
      strides[last] = stride;
    } else {
      sizes.push(size);
      strides.push(stride);
    }
  }
  if (sizes.length === 0) return { sizes: [1], strides: [1] };
  return { sizes, strides };
}
