/**
 * Products with eight-bit weights as products of whole numbers, four at a time: the GPU multiplies four pairs of bytes and adds
 * them up in one instruction, while making floats of bytes takes several for each.
 *
 * Four elements of a vector become 23-bit numbers of a common unit, a power of two that follows from the largest of them, and
 * each number three signed digits of 8 bits. The error is at most 2^-22 of the largest element; sums of products are exact.
 */

/**
 * Declares `fn digits_of(v: vec4<f32>) -> vec4<u32>` and `fn digit_dot(bytes: u32, digits: vec4<u32>) -> f32`, the product of
 * four signed bytes with such digits. Needs the language feature `packed_4x8_integer_dot_product`.
 */
export const DIGITS = `// Three words, of the highest digits first, then the unit's bits.
fn digits_of(v: vec4<f32>) -> vec4<u32> {
  let magnitudes = bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu);
  let largest = max(max(magnitudes.x, magnitudes.y), max(magnitudes.z, magnitudes.w));
  // The largest is below 2^(exponent - 126) and becomes less than 2^22: four products with -128 then still fit. Where the
  // factor would be infinite, numbers become less.
  let exponent = max(largest >> 23u, 22u);
  let most = vec4<f32>(4194303.0);
  let whole = vec4<i32>(clamp(round(v * bitcast<f32>((275u - exponent) << 23u)), -most, most));
  let low = (whole << vec4<u32>(24u)) >> vec4<u32>(24u);
  let rest = (whole - low) >> vec4<u32>(8u);
  let middle = (rest << vec4<u32>(24u)) >> vec4<u32>(24u);
  let high = (rest - middle) >> vec4<u32>(8u);
  // What is infinite or no number must stay so: the unit is then no number.
  let unit = select((exponent - 21u) << 23u, 0x7fc00000u, exponent == 255u);
  return vec4<u32>(pack4xI8(high), pack4xI8(middle), pack4xI8(low), unit);
}
fn digit_dot(bytes: u32, digits: vec4<u32>) -> f32 {
  let sum = (dot4I8Packed(bytes, digits.x) << 16u) + (dot4I8Packed(bytes, digits.y) << 8u) + dot4I8Packed(bytes, digits.z);
  return f32(sum) * bitcast<f32>(digits.w);
}`;
