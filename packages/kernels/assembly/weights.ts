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

/** sum + 16 signed bytes · 16 elements of x. */
@inline
function addBytes(sum: v128, bytes: v128, x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  sum = mulAdd(lowToFloat(low), x0, sum);
  sum = mulAdd(highToFloat(low), x1, sum);
  sum = mulAdd(lowToFloat(high), x2, sum);
  return mulAdd(highToFloat(high), x3, sum);
}

/**
 * [Σ_k row0[k] · x[k], …, Σ_k row3[k] · x[k]]
 *
 * @param type - one of the element types above; a constant where it matters, so that only one loop is left
 * @param row0 - the rows' elements start here; rows may be the same
 * @param scales0 - and their scales, of types that have them
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

function dotQ8(
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
  let total0 = splat(0);
  let total1 = splat(0);
  let total2 = splat(0);
  let total3 = splat(0);
  for (let block = 0; block < inputs; block += BLOCK) {
    const at = <usize>block;
    const from = x + (at << 2);
    let x0 = v128.load(from);
    let x1 = v128.load(from, 16);
    let x2 = v128.load(from, 32);
    let x3 = v128.load(from, 48);
    let sum0 = addBytes(splat(0), v128.load(row0 + at), x0, x1, x2, x3);
    let sum1 = addBytes(splat(0), v128.load(row1 + at), x0, x1, x2, x3);
    let sum2 = addBytes(splat(0), v128.load(row2 + at), x0, x1, x2, x3);
    let sum3 = addBytes(splat(0), v128.load(row3 + at), x0, x1, x2, x3);
    x0 = v128.load(from, 64);
    x1 = v128.load(from, 80);
    x2 = v128.load(from, 96);
    x3 = v128.load(from, 112);
    sum0 = addBytes(sum0, v128.load(row0 + at, 16), x0, x1, x2, x3);
    sum1 = addBytes(sum1, v128.load(row1 + at, 16), x0, x1, x2, x3);
    sum2 = addBytes(sum2, v128.load(row2 + at, 16), x0, x1, x2, x3);
    sum3 = addBytes(sum3, v128.load(row3 + at, 16), x0, x1, x2, x3);
    const scale = at >> 4;
    total0 = mulAdd(sum0, splat(scaleAt(scales0 + scale)), total0);
    total1 = mulAdd(sum1, splat(scaleAt(scales1 + scale)), total1);
    total2 = mulAdd(sum2, splat(scaleAt(scales2 + scale)), total2);
    total3 = mulAdd(sum3, splat(scaleAt(scales3 + scale)), total3);
  }
  return sumLanes(total0, total1, total2, total3);
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
  x: usize,
  inputs: i32,
): v128 {
  let total0 = splat(0);
  let total1 = splat(0);
  let total2 = splat(0);
  let total3 = splat(0);
  for (let block = 0; block < inputs; block += BLOCK) {
    const at = (<usize>block) >> 1;
    const from = x + ((<usize>block) << 2);
    const packed0 = v128.load(row0 + at);
    const packed1 = v128.load(row1 + at);
    const packed2 = v128.load(row2 + at);
    const packed3 = v128.load(row3 + at);
    let x0 = v128.load(from);
    let x1 = v128.load(from, 16);
    let x2 = v128.load(from, 32);
    let x3 = v128.load(from, 48);
    let sum0 = addBytes(splat(0), firstNibbles(packed0), x0, x1, x2, x3);
    let sum1 = addBytes(splat(0), firstNibbles(packed1), x0, x1, x2, x3);
    let sum2 = addBytes(splat(0), firstNibbles(packed2), x0, x1, x2, x3);
    let sum3 = addBytes(splat(0), firstNibbles(packed3), x0, x1, x2, x3);
    x0 = v128.load(from, 64);
    x1 = v128.load(from, 80);
    x2 = v128.load(from, 96);
    x3 = v128.load(from, 112);
    sum0 = addBytes(sum0, lastNibbles(packed0), x0, x1, x2, x3);
    sum1 = addBytes(sum1, lastNibbles(packed1), x0, x1, x2, x3);
    sum2 = addBytes(sum2, lastNibbles(packed2), x0, x1, x2, x3);
    sum3 = addBytes(sum3, lastNibbles(packed3), x0, x1, x2, x3);
    const scale = at >> 3;
    total0 = mulAdd(sum0, splat(scaleAt(scales0 + scale)), total0);
    total1 = mulAdd(sum1, splat(scaleAt(scales1 + scale)), total1);
    total2 = mulAdd(sum2, splat(scaleAt(scales2 + scale)), total2);
    total3 = mulAdd(sum3, splat(scaleAt(scales3 + scale)), total3);
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

/** sum + eight f16 · x, whose even and odd elements are apart. */
@inline
function addF16(sum: v128, pairs: v128, even: v128, odd: v128): v128 {
  sum = mulAdd(widenF16(pairs), even, sum);
  return mulAdd(widenF16(i32x4.shr_u(pairs, 16)), odd, sum);
}

function dotF16(row0: usize, row1: usize, row2: usize, row3: usize, x: usize, inputs: i32): v128 {
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
    sum0 = addF16(sum0, v128.load(row0 + at), even, odd);
    sum1 = addF16(sum1, v128.load(row1 + at), even, odd);
    sum2 = addF16(sum2, v128.load(row2 + at), even, odd);
    sum3 = addF16(sum3, v128.load(row3 + at), even, odd);
  }
  let sums = sumLanes(sum0, sum1, sum2, sum3);
  for (let k = whole; k < inputs; k++) {
    const at = (<usize>k) << 1;
    const column = i32x4(load<u16>(row0 + at), load<u16>(row1 + at), load<u16>(row2 + at), load<u16>(row3 + at));
    sums = mulAdd(widenF16(column), v128.load_splat<f32>(x + (at << 1)), sums);
  }
  return sums;
}

function dotF32(row0: usize, row1: usize, row2: usize, row3: usize, x: usize, inputs: i32): v128 {
  let sum0 = splat(0);
  let sum1 = splat(0);
  let sum2 = splat(0);
  let sum3 = splat(0);
  const whole = inputs & ~3;
  for (let k = 0; k < whole; k += 4) {
    const at = (<usize>k) << 2;
    const own = v128.load(x + at);
    sum0 = mulAdd(v128.load(row0 + at), own, sum0);
    sum1 = mulAdd(v128.load(row1 + at), own, sum1);
    sum2 = mulAdd(v128.load(row2 + at), own, sum2);
    sum3 = mulAdd(v128.load(row3 + at), own, sum3);
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
  for (let k = 0; k < inputs; k += 4) {
    const at = <usize>k;
    let value: v128;
    if (type == F32) value = v128.load(row + (at << 2));
    else if (type == BF16) value = i32x4.shl(v128.load_ext<u16>(row + (at << 1)), 16);
    else value = widenF16(v128.load_ext<u16>(row + (at << 1)));
    if (k + 4 > inputs) value = v128.and(value, laneMask(inputs - k));
    v128.store(target + (at << 2), value);
  }
}
