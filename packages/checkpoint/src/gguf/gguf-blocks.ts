/**
 * Quantised blocks of ggml's taken apart, into their values in this project's order and their scales, and put together again.
 */
import { QUANT_BLOCK, type QuantizedDType } from "@blackmamba/tensor";

/** Bytes of a block's values. */
export const VALUE_BYTES: Readonly<Record<QuantizedDType, number>> = { q8_0: QUANT_BLOCK, q4_0: QUANT_BLOCK / 2 };

/** Bytes of a scale, a float16, in front of them. */
const SCALE_BYTES = 2;

/**
 * Takes blocks apart.
 *
 * @param bytes - whole blocks as they are in a file
 * @param values - gets their values, one block after another
 * @param scales - gets the bits of their scales, from the first on
 */
export function takeApart(dtype: QuantizedDType, bytes: Uint8Array, values: Uint8Array, scales: Uint16Array): void {
  const size = VALUE_BYTES[dtype];
  for (let block = 0; block * size < values.length; block++) {
    const from = block * (SCALE_BYTES + size);
    scales[block] = (bytes[from] as number) | ((bytes[from + 1] as number) << 8);
    const own = bytes.subarray(from + SCALE_BYTES, from + SCALE_BYTES + size);
    if (dtype === "q8_0") values.set(own, block * size);
    else interleave(own, values.subarray(block * size, (block + 1) * size));
  }
}

/** Elements j and j + 16 of a byte become neighbours' pairs: 0 and 1, 2 and 3, and so on. */
function interleave(from: Uint8Array, to: Uint8Array): void {
  const half = from.length;
  const element = (index: number) => {
    const byte = from[index % half] as number;
    return index < half ? byte & 15 : byte >>> 4;
  };
  for (let pair = 0; pair < half; pair++) to[pair] = element(2 * pair) | (element(2 * pair + 1) << 4);
}

/**
 * Puts blocks together.
 *
 * @param values - of whole blocks, in this project's order
 * @param scales - the bytes of their scales
 * @returns the blocks as they are in a file
 */
export function putTogether(dtype: QuantizedDType, values: Uint8Array, scales: Uint8Array): Uint8Array {
  const size = VALUE_BYTES[dtype];
  const bytes = new Uint8Array(values.length + scales.length);
  for (let block = 0; block * size < values.length; block++) {
    const to = block * (SCALE_BYTES + size);
    bytes.set(scales.subarray(block * SCALE_BYTES, (block + 1) * SCALE_BYTES), to);
    const own = values.subarray(block * size, (block + 1) * size);
    const place = bytes.subarray(to + SCALE_BYTES, to + SCALE_BYTES + size);
    if (dtype === "q8_0") place.set(own);
    else deinterleave(own, place);
  }
  return bytes;
}

/** Neighbours' pairs become elements j and j + 16 of a byte. */
function deinterleave(from: Uint8Array, to: Uint8Array): void {
  const element = (index: number) => {
    const byte = from[index >> 1] as number;
    return index % 2 === 0 ? byte & 15 : byte >>> 4;
  };
  for (let j = 0; j < from.length; j++) to[j] = element(j) | (element(j + from.length) << 4);
}
