/**
 * Where tensors lie that share buffers. Not here: making the buffers, which the device does.
 */
import { PART_ALIGNMENT, roundUp } from "../dtype.ts";

/**
 * Lays things one after another into buffers, each where it can be bound.
 *
 * @param maxByteLength - of a buffer; what is longer gets one of its own
 * @returns for each buffer what lies in it, in the order given
 */
export function pack<T extends { readonly byteLength: number }>(
  things: readonly T[],
  maxByteLength: number,
): (T & { readonly byteOffset: number })[][] {
  const buffers: (T & { readonly byteOffset: number })[][] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const thing of things) {
    let byteOffset = roundUp(end, PART_ALIGNMENT);
    if (byteOffset + thing.byteLength > maxByteLength) {
      byteOffset = 0;
      buffers.push([]);
    }
    buffers.at(-1)?.push({ ...thing, byteOffset });
    end = byteOffset + thing.byteLength;
  }
  return buffers;
}
