import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { gather } from "./gather.ts";
import { mergedAxes, type TensorView } from "./tensor-view.ts";

/** The storage's element indices in the order of the view: loops a reader can check. */
function expectedIndices(view: TensorView, axis = 0, index = view.offset): number[] {
  if (axis === view.shape.length) return [index];
  const along = Array.from({ length: view.shape[axis] as number }, (_, i) => i);
  return along.flatMap((i) => expectedIndices(view, axis + 1, index + i * (view.strides[axis] as number)));
}

/** Reads a view of a storage whose elements are their own indices; the storage starts after some other bytes. */
async function gathered(
  view: TensorView,
  storageElements: number,
  elementByteLength: 2 | 4,
  sizes: { chunkByteLength?: number; windowByteLength?: number } = {},
) {
  const before = 6;
  const file = new Uint8Array(before + storageElements * elementByteLength);
  const data = new DataView(file.buffer, before);
  for (let index = 0; index < storageElements; index++) {
    if (elementByteLength === 2) data.setUint16(2 * index, index, true);
    else data.setUint32(4 * index, index, true);
  }
  const reads: number[] = [];
  const inner = bytesSource(file);
  const source = {
    ...inner,
    read: (byteOffset: number, byteLength: number) => {
      reads.push(byteLength);
      return inner.read(byteOffset, byteLength);
    },
  };
  const values: number[] = [];
  for await (const { byteOffset, bytes } of gather(source, before, view, { elementByteLength, ...sizes })) {
    expect(byteOffset).toBe(values.length * elementByteLength);
    expect(bytes.byteLength).toBeLessThanOrEqual(sizes.chunkByteLength ?? Number.POSITIVE_INFINITY);
    const copy = bytes.slice();
    values.push(...(elementByteLength === 2 ? new Uint16Array(copy.buffer) : new Uint32Array(copy.buffer)));
  }
  return { values, reads };
}

describe("gather", () => {
  it.each([
    ["transposed", { offset: 0, shape: [3, 4], strides: [1, 3] }],
    ["a slice of columns", { offset: 2, shape: [3, 2], strides: [4, 1] }],
    ["every second", { offset: 1, shape: [5], strides: [2] }],
    ["expanded rows", { offset: 3, shape: [4, 3], strides: [0, 1] }],
    ["one element, expanded", { offset: 7, shape: [2, 3], strides: [0, 0] }],
    ["overlapping windows", { offset: 0, shape: [5, 4], strides: [1, 1] }],
    ["permuted", { offset: 0, shape: [2, 3, 2], strides: [1, 4, 2] }],
    ["an axis of size 1 with any stride", { offset: 0, shape: [1, 3], strides: [100, 2] }],
  ])("reads %s", async (_, view) => {
    for (const elementByteLength of [2, 4] as const) {
      expect((await gathered(view, 30, elementByteLength)).values).toEqual(expectedIndices(view));
    }
  });

  it("reads any view with any chunk and window", async () => {
    const axis = fc.record({ size: fc.integer({ min: 1, max: 5 }), stride: fc.integer({ min: 0, max: 12 }) });
    const property = fc.asyncProperty(
      fc.array(axis, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 4, max: 64 }),
      fc.integer({ min: 4, max: 64 }),
      fc.constantFrom(2, 4),
      async (axes, offset, chunkByteLength, windowByteLength, elementByteLength) => {
        const view = { offset, shape: axes.map((a) => a.size), strides: axes.map((a) => a.stride) };
        const storageElements = 1 + Math.max(...expectedIndices(view));
        const sizes = { chunkByteLength, windowByteLength };
        const { values, reads } = await gathered(view, storageElements, elementByteLength as 2 | 4, sizes);
        expect(values).toEqual(expectedIndices(view));
        expect(Math.max(...reads)).toBeLessThanOrEqual(windowByteLength);
      },
    );
    await fc.assert(property, { seed: 20_240_201, numRuns: 500 });
  });

  it("reads a storage that fits the window once, however many chunks there are", async () => {
    const view = { offset: 0, shape: [64, 64], strides: [1, 64] };
    const { values, reads } = await gathered(view, 4096, 2, { chunkByteLength: 64 });
    expect(values).toEqual(expectedIndices(view));
    expect(reads).toEqual([8192]);
  });

  it("skips what lies between far-apart rows", async () => {
    const view = { offset: 0, shape: [2, 8], strides: [4000, 1] };
    const { values, reads } = await gathered(view, 5000, 2, { windowByteLength: 64 });
    expect(values).toEqual(expectedIndices(view));
    expect(reads.length).toBe(2);
  });
});

describe("mergedAxes", () => {
  it.each([
    ["contiguous", [2, 3, 4], [12, 4, 1], [24], [1]],
    ["a scalar", [], [], [1], [1]],
    ["sizes of 1", [1, 1], [5, 9], [1], [1]],
    ["contiguous but for an axis of size 1", [3, 1, 4], [4, 77, 1], [12], [1]],
    ["transposed", [3, 4], [1, 3], [3, 4], [1, 3]],
    ["rows with gaps", [2, 3, 4], [100, 4, 1], [2, 12], [100, 1]],
    ["expanded", [2, 3], [0, 0], [6], [0]],
  ])("merges %s", (_, shape, strides, sizes, merged) => {
    expect(mergedAxes({ offset: 0, shape, strides })).toEqual({ sizes, strides: merged });
  });
});
