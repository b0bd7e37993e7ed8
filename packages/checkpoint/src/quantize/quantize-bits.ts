/**
 * 16-bit floats to `q8_0` and `q4_0` from their bits: the same as `quantizeQ8_0` and `quantizeQ4_0` make of them, bit for bit, several
 * times as fast, as most models are converted from these. Not here: what the types are, which those two say.
 */
import { f32ToF16, Q4_0_ZERO, QUANT_BLOCK, type QuantizedDType, wideningTable } from "@blackmamba/tensor";
import { inverseOf, MAX_SCALE, type QuantizedBlocks } from "./blocks.ts";
import { nearest } from "./q4-0.ts";

/** The bits of infinity; above them is NaN. */
const INFINITY_BITS = { f16: 0x7c00, bf16: 0x7f80 } as const;

/** Memory for so many blocks. */
export function roomFor(dtype: QuantizedDType, blocks: number): QuantizedBlocks {
  const elements = blocks * QUANT_BLOCK;
  return {
    values: dtype === "q8_0" ? new Int8Array(elements) : new Uint8Array(elements / 2),
    scales: new Uint16Array(blocks),
  };
}

/**
 * Quantises whole blocks.
 *
 * @param values - gets the values: a byte for each element of `q8_0`, half of one for `q4_0`
 * @param scales - gets the bits of a scale for each block
 * @returns false where a block has no scale, as there is NaN, infinity or too large a number in it
 */
export function quantizeBits(
  dtype: QuantizedDType,
  from: "f16" | "bf16",
  bits: Uint16Array,
  values: QuantizedBlocks["values"],
  scales: Uint16Array,
): boolean {
  const table = wideningTable(from);
  return (dtype === "q8_0" ? toQ8 : toQ4)(bits, table, INFINITY_BITS[from], values, scales);
}

// In these loops nothing branches on an element, whose sign and size are as good as random: a processor would often guess wrong.

/** Of a place within a block. */
const PLACE_BITS = Math.log2(QUANT_BLOCK);

/** Of two whole numbers that are not negative. */
function larger(a: number, b: number): number {
  const more = b - a;
  return a + (more & ~(more >> 31));
}

function toQ8(
  bits: Uint16Array,
  table: Float32Array,
  infinity: number,
  values: QuantizedBlocks["values"],
  scales: Uint16Array,
): boolean {
  for (let block = 0; block < scales.length; block++) {
    const start = block * QUANT_BLOCK;
    const end = start + QUANT_BLOCK;
    // As whole numbers, patterns without their sign are in the order of the magnitudes. Two at a time, as one waits for the one before.
    let even = 0;
    let odd = 0;
    for (let i = start; i < end; i += 2) {
      even = larger(even, (bits[i] as number) & 0x7fff);
      odd = larger(odd, (bits[i + 1] as number) & 0x7fff);
    }
    const largest = larger(even, odd);
    if (largest >= infinity) return false;
    const scale = Math.fround((table[largest] as number) / 127);
    if (scale > MAX_SCALE) return false;
    scales[block] = f32ToF16(scale);
    const inverse = inverseOf(scale);
    for (let i = start; i < end; i++) {
      const pattern = bits[i] as number;
      const scaled = Math.fround((table[pattern & 0x7fff] as number) * inverse);
      const rounded = Math.min((scaled + 0.5) | 0, 127);
      // All ones for a negative element: what is left is its two's complement.
      const sign = -(pattern >>> 15);
      values[i] = (rounded ^ sign) - sign;
    }
  }
  return true;
}

function toQ4(
  bits: Uint16Array,
  table: Float32Array,
  infinity: number,
  values: QuantizedBlocks["values"],
  scales: Uint16Array,
): boolean {
  for (let block = 0; block < scales.length; block++) {
    const start = block * QUANT_BLOCK;
    const end = start + QUANT_BLOCK;
    // With its place in the lower bits, the first of equals being the largest.
    let key = 0;
    for (let i = 0; i < QUANT_BLOCK; i++) {
      key = larger(key, (((bits[start + i] as number) & 0x7fff) << PLACE_BITS) | (QUANT_BLOCK - 1 - i));
    }
    if (key >> PLACE_BITS >= infinity) return false;
    // Of zeros none is extreme, whatever its sign.
    const extreme = key < QUANT_BLOCK ? 0 : (bits[start + QUANT_BLOCK - 1 - (key & (QUANT_BLOCK - 1))] as number);
    const scale = Math.fround((table[extreme] as number) / -Q4_0_ZERO);
    if (Math.abs(scale) > MAX_SCALE) return false;
    scales[block] = f32ToF16(scale);
    const inverse = inverseOf(scale);
    for (let i = start; i < end; i += 2) {
      const low = nearest(table[bits[i] as number] as number, inverse);
      values[i >> 1] = low | (nearest(table[bits[i + 1] as number] as number, inverse) << 4);
    }
  }
  return true;
}
