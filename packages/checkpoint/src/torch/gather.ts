/**
 * Reads a view whose elements do not lie one after another (a transposed, sliced or expanded tensor) into contiguous
 * chunks, with bounded memory: one chunk and one window of the storage. Contiguous tensors never come here.
 */

import type { ByteSource, ReadOptions } from "../byte-source.ts";
import { type ChunkOptions, chunkByteLengthOf, type TensorChunk } from "../checkpoint.ts";
import { mergedAxes, type TensorView } from "./tensor-view.ts";

/** 32 MiB: every weight matrix of the published models but the embedding is read once, whatever its strides. */
const WINDOW_BYTE_LENGTH = 32 * 1024 * 1024;

/** Options of `gather`. */
export interface GatherOptions extends ChunkOptions {
  /** Size of an element: 2 or 4. */
  readonly elementByteLength: number;
  /** The most bytes of the storage to hold at once; 32 MiB by default. */
  readonly windowByteLength?: number | undefined;
}

/** A row of elements with one stride: where it goes, where it lies. All in elements. */
interface Run {
  /** Within the chunk. */
  target: number;
  /** Within the storage. */
  index: number;
  count: number;
  stride: number;
}

/** A part of the storage that has been read. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly elements: Uint16Array | Uint32Array;
}

/**
 * The view's elements in row-major order.
 *
 * @param storageByteOffset where the storage starts in the source
 */
export async function* gather(
  source: ByteSource,
  storageByteOffset: number,
  view: TensorView,
  options: GatherOptions,
): AsyncGenerator<TensorChunk> {
  const { elementByteLength, signal } = options;
  const total = view.shape.reduce((product, size) => product * size, 1);
  const chunkElements = Math.floor(chunkByteLengthOf(options) / elementByteLength);
  const windowElements = Math.max(1, Math.floor((options.windowByteLength ?? WINDOW_BYTE_LENGTH) / elementByteLength));
  const chunk = arrayOf(elementByteLength, Math.min(chunkElements, total));
  const axes = mergedAxes(view);
  const last = axes.sizes.reduce((sum, size, axis) => sum + (size - 1) * (axes.strides[axis] as number), view.offset);
  const fitsOneWindow = last - view.offset < windowElements;

  let window: Window = { start: 0, end: 0, elements: chunk.subarray(0, 0) };
  for (let first = 0; first < total; first += chunkElements) {
    const count = Math.min(chunkElements, total - first);
    let wanted = -1;
    let chunkEnd = 0;
    for (const run of runs(axes, view.offset, first, count)) {
      wanted = wanted < 0 ? run.index : Math.min(wanted, run.index);
      chunkEnd = Math.max(chunkEnd, run.index + (run.count - 1) * run.stride + 1);
    }
    // The window moves upwards through the chunk's elements; each pass places those within it.
    while (wanted >= 0) {
      signal?.throwIfAborted();
      if (wanted < window.start || wanted >= window.end) {
        const start = fitsOneWindow ? view.offset : wanted;
        const end = fitsOneWindow ? last + 1 : Math.min(wanted + windowElements, chunkEnd);
        window = await readWindow(source, storageByteOffset, start, end, elementByteLength, { signal });
      }
      let next = -1;
      for (const run of runs(axes, view.offset, first, count)) {
        const beyond = place(chunk, window, run, wanted);
        if (beyond >= 0 && (next < 0 || beyond < next)) next = beyond;
      }
      wanted = next;
    }
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, count * elementByteLength);
    yield { byteOffset: first * elementByteLength, bytes };
  }
}

/**
 * Copies those elements of the run that lie in the window, from index `from` on (lower ones have been placed already).
 * Returns the index of the run's first element beyond the window, or -1.
 */
function place(chunk: Uint16Array | Uint32Array, window: Window, run: Run, from: number): number {
  const { target, index, count, stride } = run;
  const { start, end, elements } = window;
  if (stride === 0) {
    if (index >= end) return index;
    if (index >= from) chunk.fill(elements[index - start] as number, target, target + count);
    return -1;
  }
  const firstIn = index >= from ? 0 : Math.min(count, Math.ceil((from - index) / stride));
  const firstBeyond = index >= end ? 0 : Math.min(count, Math.ceil((end - index) / stride));
  if (stride === 1) {
    if (firstBeyond > firstIn) {
      const at = index - start;
      chunk.set(elements.subarray(at + firstIn, at + firstBeyond), target + firstIn);
    }
  } else {
    let at = index - start + firstIn * stride;
    for (let element = firstIn; element < firstBeyond; element++, at += stride) {
      chunk[target + element] = elements[at] as number;
    }
  }
  return firstBeyond < count ? index + firstBeyond * stride : -1;
}

/** The rows that elements `first` to `first + count` of the view are made of. The same object is yielded each time. */
function* runs(
  axes: { readonly sizes: readonly number[]; readonly strides: readonly number[] },
  offset: number,
  first: number,
  count: number,
): Generator<Run> {
  const { sizes, strides } = axes;
  const inner = sizes.length - 1;
  const rowLength = sizes[inner] as number;
  const stride = strides[inner] as number;

  // Position of the current row's start on the outer axes, and where it lies.
  const position: number[] = new Array(inner).fill(0);
  let rowIndex = offset;
  let rest = Math.floor(first / rowLength);
  for (let axis = inner - 1; axis >= 0; axis--) {
    const size = sizes[axis] as number;
    position[axis] = rest % size;
    rowIndex += (rest % size) * (strides[axis] as number);
    rest = Math.floor(rest / size);
  }

  const run: Run = { target: 0, index: 0, count: 0, stride };
  let column = first % rowLength;
  for (let done = 0; done < count; done += run.count) {
    run.target = done;
    run.index = rowIndex + column * stride;
    run.count = Math.min(rowLength - column, count - done);
    yield run;
    column = 0;
    for (let axis = inner - 1; axis >= 0; axis--) {
      rowIndex += strides[axis] as number;
      position[axis] = (position[axis] as number) + 1;
      if (position[axis] !== sizes[axis]) break;
      rowIndex -= (sizes[axis] as number) * (strides[axis] as number);
      position[axis] = 0;
    }
  }
}

async function readWindow(
  source: ByteSource,
  storageByteOffset: number,
  start: number,
  end: number,
  elementByteLength: number,
  options: ReadOptions,
): Promise<Window> {
  const byteOffset = storageByteOffset + start * elementByteLength;
  let bytes = await source.read(byteOffset, (end - start) * elementByteLength, options);
  if (bytes.byteOffset % elementByteLength !== 0) bytes = bytes.slice();
  return { start, end, elements: arrayOver(elementByteLength, bytes) };
}

function arrayOf(elementByteLength: number, length: number): Uint16Array | Uint32Array {
  return elementByteLength === 2 ? new Uint16Array(length) : new Uint32Array(length);
}

function arrayOver(elementByteLength: number, bytes: Uint8Array): Uint16Array | Uint32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (elementByteLength === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}
