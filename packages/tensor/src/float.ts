/**
 * Exact conversion between float32 and the 16-bit types. Not here: quantised blocks, see `host-tensor.ts`.
 */

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The float32 that a bfloat16's bits stand for. Exact: bf16 is the upper half of an f32. */
export function bf16ToF32(bits: number): number {
  word[0] = bits << 16;
  return float[0] as number;
}

/** The bfloat16 nearest to `value`, ties to even; NaN stays NaN. */
export function f32ToBf16(value: number): number {
  float[0] = value;
  const bits = word[0] as number;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The float32 that a float16's bits stand for, subnormals included. */
export function f16ToF32(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The float16 nearest to `value`, ties to even; beyond 65504 it is infinite. */
export function f32ToF16(value: number): number {
  float[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const pattern = bits & 0x7fffffff;
  // A float32 from 2^-14, which is no subnormal, to below 65520, which is not infinite: nearly every one, so with whole numbers only.
  // The exponents' biases differ by 112, and a carry out of the fraction rightly raises the exponent.
  if (float[0] === value && pattern >= 0x38800000 && pattern < 0x477ff000) {
    return sign | ((pattern - 0x38000000 + 0xfff + ((pattern >>> 13) & 1)) >>> 13);
  }
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24);
  const exponent = ((bits >>> 23) & 0xff) - 127;
  // A carry out of the fraction rightly raises the exponent.
  return sign | (((exponent + 15) << 10) + roundHalfEven((magnitude / 2 ** exponent - 1) * 1024));
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}
