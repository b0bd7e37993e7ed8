/**
 * Where tensors lie that share buffers. Not here: making the buffers, which the device does.
 */
import { PART_ALIGNMENT, roundUp } from "../dtype.ts";

/** Something to be placed. */
export interface Packable {
  readonly byteLength: number;
  /** See `TensorSpec`. */
  readonly group?: string | undefined;
}

/**
 * Lays things one after another into buffers, each where it can be bound.
 *
 * @param maxByteLength - of a buffer; what is longer gets one of its own
 * @returns for each buffer what lies in it, in the order given
 */
export function pack<T extends Packable>(
  things: readonly T[],
  maxByteLength: number,
): (T & { readonly byteOffset: number })[][] {
  const buffers: (T & { readonly byteOffset: number })[][] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const [index, thing] of things.entries()) {
    let byteOffset = roundUp(end, PART_ALIGNMENT);
    const isFirst = thing.group !== undefined && thing.group !== things[index - 1]?.group;
    const groupByteLength = isFirst ? byteLengthOfGroup(things, index) : 0;
    const together = groupByteLength <= maxByteLength ? Math.max(groupByteLength, thing.byteLength) : thing.byteLength;
    if (byteOffset + together > maxByteLength) {
      byteOffset = 0;
      buffers.push([]);
    }
    buffers.at(-1)?.push({ ...thing, byteOffset });
    end = byteOffset + thing.byteLength;
  }
  return buffers;
}

/** Bytes of the group that begins at this index, one after another. */
function byteLengthOfGroup(things: readonly Packable[], start: number): number {
  let end = 0;
  for (let index = start; index < things.length && things[index]?.group === things[start]?.group; index++) {
    end = roundUp(end, PART_ALIGNMENT) + (things[index]?.byteLength ?? 0);
  }
  return end;
}
