/**
 * Quantised blocks of ggml's taken apart, into their values in this project's order and their scales, and put together again.
 */
import { QUANT_BLOCK, type QuantizedDType } from "@blackmamba/tensor";
import { viewBytes } from "../decode-tensor.ts";

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
 * @param bytes - gets the blocks as they are in a file: as many bytes as both have
 */
export function putTogether(dtype: QuantizedDType, values: Uint8Array, scales: Uint8Array, bytes: Uint8Array): void {
  (dtype === "q8_0" ? putQ8 : putQ4)(bytes, values, scales);
}

// Plain loops: a view of each block, to be copied at once, would take longer than its bytes.

/** Two bytes at a time: all of a block's parts are of an even number of them. */
function putQ8(bytes: Uint8Array, values: Uint8Array, scales: Uint8Array): void {
  const [out, own, scale] = [bytes, values, scales].map((each) => viewBytes(Uint16Array, each)) as [
    ...[Uint16Array, Uint16Array, Uint16Array],
  ];
  const size = VALUE_BYTES.q8_0 / 2;
  for (let block = 0, to = 0, from = 0; from < own.length; block++) {
    out[to++] = scale[block] as number;
    for (const end = from + size; from < end; ) out[to++] = own[from++] as number;
  }
}

/** Neighbours' pairs become elements j and j + 16 of a byte. */
function putQ4(bytes: Uint8Array, values: Uint8Array, scales: Uint8Array): void {
  const half = VALUE_BYTES.q4_0 / 2;
  for (let block = 0, to = 0, from = 0; from < values.length; block++, from += 2 * half) {
    bytes[to++] = scales[SCALE_BYTES * block] as number;
    bytes[to++] = scales[SCALE_BYTES * block + 1] as number;
    for (let pair = from; pair < from + half; pair++) {
      const [low, high] = [values[pair] as number, values[pair + half] as number];
      bytes[to++] = (low & 15) | ((high & 15) << 4);
      bytes[to++] = (low >>> 4) | (high & 0xf0);
    }
  }
}
