/**
 * Weights as they are stored: dot products of four rows at once with a vector, and rows unpacked to float32.
 *
 * Sums are kept in four lanes or more, so an addition seldom waits for the one before it and errors stay small.
 */
import { laneMask, mulAdd, splat, sumLanes } from "./math";

/** The element types, as numbers that `../src/wasm/tasks.ts` writes. */
export const F32: i32 = 0;
export const F16: i32 = 1;
export const BF16: i32 = 2;
export const Q8_0: i32 = 3;
export const Q4_0: i32 = 4;

/** Elements of a block of `q8_0` and `q4_0`. */
const BLOCK: i32 = 32;

/** Four f16 in the low halves of 32-bit lanes, as float32. Exact, without passing through a denormal, which may be slow. */
@inline
function widenF16(halves: v128): v128 {
  const magnitude = i32x4.shl(v128.and(halves, i32x4.splat(0x7fff)), 13);
  const normal = i32x4.add(magnitude, i32x4.splat(112 << 23));
  // Infinite and NaN keep their exponent of all ones.
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x0f7fffff)), i32x4.splat(0x7f800000));
  const subnormal = f32x4.sub(i32x4.add(magnitude, i32x4.splat(113 << 23)), splat(0.00006103515625));
  const value = v128.bitselect(subnormal, v128.or(normal, special), i32x4.lt_s(magnitude, i32x4.splat(1 << 23)));
  return v128.or(value, i32x4.shl(v128.and(halves, i32x4.splat(0x8000)), 16));
}

/** The same of finite ones: their bits moved to their places in a float32, times the power of two that the exponents differ by. */
@inline
function widenFinite(halves: v128): v128 {
  const places = v128.and(i32x4.shr_s(i32x4.shl(halves, 16), 3), i32x4.splat(0x8fffe000));
  return f32x4.mul(places, splat(reinterpret<f32>((127 + 112) << 23)));
}

/** A block's scale: always finite, so fewer steps than {@link f16At}. */
@inline
function scaleAt(address: usize): f32 {
  const half = <i32>load<u16>(address);
  const magnitude = half & 0x7fff;
  const value = select(
    <f32>magnitude * <f32>(1.0 / 16777216.0),
    reinterpret<f32>((magnitude << 13) + (112 << 23)),
    magnitude < 0x400,
  );
  return select(-value, value, (half & 0x8000) != 0);
}

/** The first or the last four of eight signed 16-bit integers as float32. */
@inline
function lowToFloat(integers: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(integers));
}

@inline
function highToFloat(integers: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(integers));
}

/** Elements of `q4_0` 0 to 15 of a block: even ones are low halves of bytes, odd ones high; as signed bytes, less 8. */
@inline
function firstNibbles(packed: v128): v128 {
  const low = v128.and(packed, i8x16.splat(15));
  const high = i8x16.shr_u(packed, 4);
  const inOrder = v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return i8x16.sub(inOrder, i8x16.splat(8));
}

/** Elements 16 to 31. */
@inline
function lastNibbles(packed: v128): v128 {
  const low = v128.and(packed, i8x16.splat(15));
  const high = i8x16.shr_u(packed, 4);
  const inOrder = v128.shuffle<i8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return i8x16.sub(inOrder, i8x16.splat(8));
}

/**
 * [Σ_k row0[k] · x[k], …, Σ_k row3[k] · x[k]]
 *
 * @param type - one of the element types above; a constant where it matters, so that only one loop is left
 * @param row0 - the rows' elements start here; rows may be the same
 * @param scales0 - and their scales, of types that have them
 * @param x - f32 [inputs]; for quantised types the digits of them
 */
export function dotRows(
  type: i32,
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  scales0: usize,
  scales1: usize,
  scales2: usize,
  scales3: usize,
  x: usize,
  inputs: i32,
): v128 {
  if (type == Q8_0) return dotQ8(row0, row1, row2, row3, scales0, scales1, scales2, scales3, x, inputs);
  if (type == Q4_0) return dotQ4(row0, row1, row2, row3, scales0, scales1, scales2, scales3, x, inputs);
  if (type == BF16) return dotBf16(row0, row1, row2, row3, x, inputs);
  if (type == F16) return dotF16(row0, row1, row2, row3, x, inputs);
  return dotF32(row0, row1, row2, row3, x, inputs);
}

/**
 * Quantised weights are integers, so their products are summed as integers too, exactly, which takes half the instructions:
 * each block of x is cut into two digits of 15 bits, x ≈ (high · 2^15 + low) · scale with a power of two as scale, 2^-29 of the
 * block's largest element. Floats of 24 bits could not be summed as well.
 *
 * A block of digits: 32 high ones as i16, 32 low ones, and the scale as f32; in the order in which the type's elements come out
 * of a row of weights.
 */
export const DIGITS_BLOCK: usize = 144;

/** Cuts `inputs` elements of x, a multiple of 32. */
export function cutDigits(type: i32, x: usize, inputs: i32, digits: usize): void {
  for (let block = 0; block < inputs; block += BLOCK) {
    const from = x + ((<usize>block) << 2);
    const target = digits + DIGITS_BLOCK * (block / BLOCK);
    let largest = splat(0);
    // max, unlike pmax, keeps NaN.
    for (let at: usize = 0; at < 128; at += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(from + at)));
    largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
    largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
    // Not so small that the scale would be a denormal.
    const exponent = max(i32x4.extract_lane(largest, 0) >>> 23, 29);
    const factor = splat(reinterpret<f32>((282 - exponent) << 23));
    // What is not finite makes the sums NaN.
    store<f32>(target, exponent < 255 ? reinterpret<f32>((exponent - 28) << 23) : NaN, 128);
    for (let half: usize = 0; half < 2; half++) {
      const own = from + (half << 6);
      let a = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(own), factor)));
      let b = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(own, 16), factor)));
      let c = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(own, 32), factor)));
      let d = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(own, 48), factor)));
      const rounding = i32x4.splat(1 << 14);
      if (type == Q4_0) {
        // The elements with the same rest after division by 4 together: turn the square around.
        const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
        const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
        const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
        const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
        a = v128.shuffle<i32>(ab, cd, 0, 1, 4, 5);
        b = v128.shuffle<i32>(ab, cd, 2, 3, 6, 7);
        c = v128.shuffle<i32>(ab2, cd2, 0, 1, 4, 5);
        d = v128.shuffle<i32>(ab2, cd2, 2, 3, 6, 7);
      }
      const highA = i32x4.shr_s(i32x4.add(a, rounding), 15);
      const highB = i32x4.shr_s(i32x4.add(b, rounding), 15);
      const highC = i32x4.shr_s(i32x4.add(c, rounding), 15);
      const highD = i32x4.shr_s(i32x4.add(d, rounding), 15);
      const high1 = i16x8.narrow_i32x4_s(highA, highB);
      const high2 = i16x8.narrow_i32x4_s(highC, highD);
      const low1 = i16x8.narrow_i32x4_s(i32x4.sub(a, i32x4.shl(highA, 15)), i32x4.sub(b, i32x4.shl(highB, 15)));
      const low2 = i16x8.narrow_i32x4_s(i32x4.sub(c, i32x4.shl(highC, 15)), i32x4.sub(d, i32x4.shl(highD, 15)));
      if (type == Q4_0) {
        // Four of each rest from either half of the block.
        const place = target + (half << 3);
        v128.store64_lane(place, high1, 0);
        v128.store64_lane(place, high1, 1, 16);
        v128.store64_lane(place, high2, 0, 32);
        v128.store64_lane(place, high2, 1, 48);
        v128.store64_lane(place, low1, 0, 64);
        v128.store64_lane(place, low1, 1, 80);
        v128.store64_lane(place, low2, 0, 96);
        v128.store64_lane(place, low2, 1, 112);
      } else {
        const place = target + (half << 5);
        v128.store(place, high1);
        v128.store(place, high2, 16);
        v128.store(place, low1, 64);
        v128.store(place, low2, 80);
      }
    }
  }
}

/** total + (high · 2^15 + low) · scale */
@inline
function addBlock(total: v128, high: v128, low: v128, scale: f32): v128 {
  const sum = mulAdd(f32x4.convert_i32x4_s(high), splat(32768.0), f32x4.convert_i32x4_s(low));
  return mulAdd(sum, splat(scale), total);
}

function dotQ8(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  scales0: usize,
  scales1: usize,
  scales2: usize,
  scales3: usize,
  digits: usize,
  inputs: i32,
): v128 {
  let total0 = splat(0);
  let total1 = splat(0);
  let total2 = splat(0);
  let total3 = splat(0);
  for (let block = 0; block < inputs; block += BLOCK) {
    const at = <usize>block;
    let high0 = i32x4.splat(0);
    let high1 = i32x4.splat(0);
    let high2 = i32x4.splat(0);
    let high3 = i32x4.splat(0);
    let low0 = i32x4.splat(0);
    let low1 = i32x4.splat(0);
    let low2 = i32x4.splat(0);
    let low3 = i32x4.splat(0);
    for (let part: usize = 0; part < 32; part += 8) {
      const high = v128.load(digits + (part << 1));
      const low = v128.load(digits + (part << 1), 64);
      let w = v128.load_ext<i8>(row0 + at + part);
      high0 = i32x4.add(high0, i32x4.dot_i16x8_s(w, high));
      low0 = i32x4.add(low0, i32x4.dot_i16x8_s(w, low));
      w = v128.load_ext<i8>(row1 + at + part);
      high1 = i32x4.add(high1, i32x4.dot_i16x8_s(w, high));
      low1 = i32x4.add(low1, i32x4.dot_i16x8_s(w, low));
      w = v128.load_ext<i8>(row2 + at + part);
      high2 = i32x4.add(high2, i32x4.dot_i16x8_s(w, high));
      low2 = i32x4.add(low2, i32x4.dot_i16x8_s(w, low));
      w = v128.load_ext<i8>(row3 + at + part);
      high3 = i32x4.add(high3, i32x4.dot_i16x8_s(w, high));
      low3 = i32x4.add(low3, i32x4.dot_i16x8_s(w, low));
    }
    const scale = load<f32>(digits, 128);
    const place = at >> 4;
    total0 = addBlock(total0, high0, low0, scale * scaleAt(scales0 + place));
    total1 = addBlock(total1, high1, low1, scale * scaleAt(scales1 + place));
    total2 = addBlock(total2, high2, low2, scale * scaleAt(scales2 + place));
    total3 = addBlock(total3, high3, low3, scale * scaleAt(scales3 + place));
    digits += DIGITS_BLOCK;
  }
  return sumLanes(total0, total1, total2, total3);
}

/** Nibble `shift / 4` of each 16 bits, less 8. */
@inline
function nibble(packed: v128, shift: i32): v128 {
  return i16x8.sub(v128.and(i16x8.shr_u(packed, shift), i16x8.splat(15)), i16x8.splat(8));
}

/** One row's block: the total so far + its products with the digits. */
@inline
function addNibbles(total: v128, packed: v128, digits: usize, scale: f32): v128 {
  let w = nibble(packed, 0);
  let high = i32x4.dot_i16x8_s(w, v128.load(digits));
  let low = i32x4.dot_i16x8_s(w, v128.load(digits, 64));
  w = nibble(packed, 4);
  high = i32x4.add(high, i32x4.dot_i16x8_s(w, v128.load(digits, 16)));
  low = i32x4.add(low, i32x4.dot_i16x8_s(w, v128.load(digits, 80)));
  w = nibble(packed, 8);
  high = i32x4.add(high, i32x4.dot_i16x8_s(w, v128.load(digits, 32)));
  low = i32x4.add(low, i32x4.dot_i16x8_s(w, v128.load(digits, 96)));
  w = i16x8.sub(i16x8.shr_u(packed, 12), i16x8.splat(8));
  high = i32x4.add(high, i32x4.dot_i16x8_s(w, v128.load(digits, 48)));
  low = i32x4.add(low, i32x4.dot_i16x8_s(w, v128.load(digits, 112)));
  return addBlock(total, high, low, scale);
}

function dotQ4(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  scales0: usize,
  scales1: usize,
  scales2: usize,
  scales3: usize,
  digits: usize,
  inputs: i32,
): v128 {
  let total0 = splat(0);
  let total1 = splat(0);
  let total2 = splat(0);
  let total3 = splat(0);
  for (let block = 0; block < inputs; block += BLOCK) {
    const at = (<usize>block) >> 1;
    const scale = load<f32>(digits, 128);
    const place = at >> 3;
    total0 = addNibbles(total0, v128.load(row0 + at), digits, scale * scaleAt(scales0 + place));
    total1 = addNibbles(total1, v128.load(row1 + at), digits, scale * scaleAt(scales1 + place));
    total2 = addNibbles(total2, v128.load(row2 + at), digits, scale * scaleAt(scales2 + place));
    total3 = addNibbles(total3, v128.load(row3 + at), digits, scale * scaleAt(scales3 + place));
    digits += DIGITS_BLOCK;
  }
  return sumLanes(total0, total1, total2, total3);
}

/** sum + eight bf16 · x, whose even and odd elements are apart: a bf16 is the upper half of a float32. */
@inline
function addBf16(sum: v128, pairs: v128, even: v128, odd: v128): v128 {
  sum = mulAdd(i32x4.shl(pairs, 16), even, sum);
  return mulAdd(v128.and(pairs, i32x4.splat(0xffff0000)), odd, sum);
}

function dotBf16(row0: usize, row1: usize, row2: usize, row3: usize, x: usize, inputs: i32): v128 {
  let sum0 = splat(0);
  let sum1 = splat(0);
  let sum2 = splat(0);
  let sum3 = splat(0);
  const whole = inputs & ~7;
  for (let k = 0; k < whole; k += 8) {
    const at = (<usize>k) << 1;
    const first = v128.load(x + (at << 1));
    const last = v128.load(x + (at << 1), 16);
    const even = v128.shuffle<f32>(first, last, 0, 2, 4, 6);
    const odd = v128.shuffle<f32>(first, last, 1, 3, 5, 7);
    sum0 = addBf16(sum0, v128.load(row0 + at), even, odd);
    sum1 = addBf16(sum1, v128.load(row1 + at), even, odd);
    sum2 = addBf16(sum2, v128.load(row2 + at), even, odd);
    sum3 = addBf16(sum3, v128.load(row3 + at), even, odd);
  }
  let sums = sumLanes(sum0, sum1, sum2, sum3);
  for (let k = whole; k < inputs; k++) {
    const at = (<usize>k) << 1;
    const column = i32x4(load<u16>(row0 + at), load<u16>(row1 + at), load<u16>(row2 + at), load<u16>(row3 + at));
    sums = mulAdd(i32x4.shl(column, 16), v128.load_splat<f32>(x + (at << 1)), sums);
  }
  return sums;
}

/**
 * sum + eight f16 · x, whose even and odd elements are apart. The bits of an f16, moved to their places in a float32, stand for
 * 2^-112 of it; x brings 2^64 along, so that no product is too small for a float32, and the rest is made up for at the end.
 */
@inline
function addF16(sum: v128, pairs: v128, even: v128, odd: v128): v128 {
  const places = i32x4.splat(0x8fffe000);
  sum = mulAdd(v128.and(i32x4.shr_s(i32x4.shl(pairs, 16), 3), places), even, sum);
  return mulAdd(v128.and(i32x4.shr_s(pairs, 3), places), odd, sum);
}

function dotF16(row0: usize, row1: usize, row2: usize, row3: usize, x: usize, inputs: i32): v128 {
  let sum0 = splat(0);
  let sum1 = splat(0);
  let sum2 = splat(0);
  let sum3 = splat(0);
  let largest = i16x8.splat(0);
  const raise = splat(18446744073709551616.0);
  const whole = inputs & ~7;
  for (let k = 0; k < whole; k += 8) {
    const at = (<usize>k) << 1;
    const first = f32x4.mul(v128.load(x + (at << 1)), raise);
    const last = f32x4.mul(v128.load(x + (at << 1), 16), raise);
    const even = v128.shuffle<f32>(first, last, 0, 2, 4, 6);
    const odd = v128.shuffle<f32>(first, last, 1, 3, 5, 7);
    const w0 = v128.load(row0 + at);
    const w1 = v128.load(row1 + at);
    const w2 = v128.load(row2 + at);
    const w3 = v128.load(row3 + at);
    sum0 = addF16(sum0, w0, even, odd);
    sum1 = addF16(sum1, w1, even, odd);
    sum2 = addF16(sum2, w2, even, odd);
    sum3 = addF16(sum3, w3, even, odd);
    // Without the sign, the bits of what is not finite are the largest.
    const upper = i16x8.max_u(i16x8.max_u(i16x8.shl(w0, 1), i16x8.shl(w1, 1)), i16x8.max_u(i16x8.shl(w2, 1), i16x8.shl(w3, 1)));
    largest = i16x8.max_u(largest, upper);
  }
  let sums = f32x4.mul(sumLanes(sum0, sum1, sum2, sum3), splat(281474976710656.0));
  const isFinite = !v128.any_true(i16x8.ge_u(largest, i16x8.splat(<i16>0xf800)));
  if (!isFinite) sums = splat(0);
  for (let k = isFinite ? whole : 0; k < inputs; k++) {
    const at = (<usize>k) << 1;
    const column = i32x4(load<u16>(row0 + at), load<u16>(row1 + at), load<u16>(row2 + at), load<u16>(row3 + at));
    sums = mulAdd(widenF16(column), v128.load_splat<f32>(x + (at << 1)), sums);
  }
  return sums;
}

/** sum + eight elements · eight of x, in the order in which 16-bit ones come out of their words. */
@inline
function addF32(sum: v128, row: usize, even: v128, odd: v128): v128 {
  const first = v128.load(row);
  const last = v128.load(row, 16);
  sum = mulAdd(v128.shuffle<f32>(first, last, 0, 2, 4, 6), even, sum);
  return mulAdd(v128.shuffle<f32>(first, last, 1, 3, 5, 7), odd, sum);
}

/** Sums come about as in `dotBf16`: a checkpoint that was widened gives the same results, bit for bit. */
function dotF32(row0: usize, row1: usize, row2: usize, row3: usize, x: usize, inputs: i32): v128 {
  let sum0 = splat(0);
  let sum1 = splat(0);
  let sum2 = splat(0);
  let sum3 = splat(0);
  const whole = inputs & ~7;
  for (let k = 0; k < whole; k += 8) {
    const at = (<usize>k) << 2;
    const first = v128.load(x + at);
    const last = v128.load(x + at, 16);
    const even = v128.shuffle<f32>(first, last, 0, 2, 4, 6);
    const odd = v128.shuffle<f32>(first, last, 1, 3, 5, 7);
    sum0 = addF32(sum0, row0 + at, even, odd);
    sum1 = addF32(sum1, row1 + at, even, odd);
    sum2 = addF32(sum2, row2 + at, even, odd);
    sum3 = addF32(sum3, row3 + at, even, odd);
  }
  let sums = sumLanes(sum0, sum1, sum2, sum3);
  for (let k = whole; k < inputs; k++) {
    const at = (<usize>k) << 2;
    const column = f32x4(load<f32>(row0 + at), load<f32>(row1 + at), load<f32>(row2 + at), load<f32>(row3 + at));
    sums = mulAdd(column, v128.load_splat<f32>(x + at), sums);
  }
  return sums;
}

/** Stores 16 signed bytes times a scale as float32. */
@inline
function storeBytes(target: usize, bytes: v128, scale: v128): void {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  v128.store(target, f32x4.mul(lowToFloat(low), scale));
  v128.store(target, f32x4.mul(highToFloat(low), scale), 16);
  v128.store(target, f32x4.mul(lowToFloat(high), scale), 32);
  v128.store(target, f32x4.mul(highToFloat(high), scale), 48);
}

/** A row as float32, filled up with zeros to a multiple of four elements. */
export function unpackRow(type: i32, row: usize, scales: usize, inputs: i32, target: usize): void {
  if (type == Q8_0) {
    for (let block = 0; block < inputs; block += BLOCK) {
      const at = <usize>block;
      const scale = splat(scaleAt(scales + (at >> 4)));
      storeBytes(target + (at << 2), v128.load(row + at), scale);
      storeBytes(target + (at << 2) + 64, v128.load(row + at, 16), scale);
    }
    return;
  }
  if (type == Q4_0) {
    for (let block = 0; block < inputs; block += BLOCK) {
      const at = <usize>block;
      const scale = splat(scaleAt(scales + (at >> 4)));
      const packed = v128.load(row + (at >> 1));
      storeBytes(target + (at << 2), firstNibbles(packed), scale);
      storeBytes(target + (at << 2) + 64, lastNibbles(packed), scale);
    }
    return;
  }
  const whole = inputs & ~7;
  if (type == F32) {
    for (let k = 0; k < whole; k += 8) {
      const at = (<usize>k) << 2;
      v128.store(target + at, v128.load(row + at));
      v128.store(target + at, v128.load(row + at, 16), 16);
    }
  } else if (type == BF16) {
    for (let k = 0; k < whole; k += 8) {
      const at = (<usize>k) << 1;
      v128.store(target + (at << 1), i32x4.shl(v128.load_ext<u16>(row + at), 16));
      v128.store(target + (at << 1), i32x4.shl(v128.load_ext<u16>(row + at, 8), 16), 16);
    }
  } else {
    for (let k = 0; k < whole; k += 8) {
      const at = (<usize>k) << 1;
      const low = v128.load_ext<u16>(row + at);
      const high = v128.load_ext<u16>(row + at, 8);
      // Without the sign, the bits of what is not finite are the largest.
      if (v128.any_true(i16x8.ge_u(i16x8.shl(v128.load(row + at), 1), i16x8.splat(<i16>0xf800)))) {
        v128.store(target + (at << 1), widenF16(low));
        v128.store(target + (at << 1), widenF16(high), 16);
      } else {
        v128.store(target + (at << 1), widenFinite(low));
        v128.store(target + (at << 1), widenFinite(high), 16);
      }
    }
  }
  for (let k = whole; k < inputs; k += 4) {
    const at = <usize>k;
    let value: v128;
    if (type == F32) value = v128.load(row + (at << 2));
    else if (type == BF16) value = i32x4.shl(v128.load_ext<u16>(row + (at << 1)), 16);
    else value = widenF16(v128.load_ext<u16>(row + (at << 1)));
    if (k + 4 > inputs) value = v128.and(value, laneMask(inputs - k));
    v128.store(target + (at << 2), value);
  }
}
