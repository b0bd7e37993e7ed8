/**
 * Floats as whole numbers of the same order, so that the largest is found by comparing bits alone. The same in WGSL:
 * `logit.wgsl.ts`.
 */

/** The key of NaN, above those of all numbers: a NaN always wins, and so is never missed. */
export const NAN_KEY = 0xffffffff;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** A float32's key, from 0x007fffff (−∞) to 0xff800000 (∞); 0 and −0 have the same. */
export function keyOf(value: number): number {
  if (Number.isNaN(value)) return NAN_KEY;
  float[0] = value === 0 ? 0 : value;
  return bits[0] >>> 31 === 1 ? ~bits[0] >>> 0 : (bits[0] | 0x80000000) >>> 0;
}
