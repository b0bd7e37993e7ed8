/**
 * Products with eight-bit weights as products of whole numbers, four at a time: the GPU multiplies four pairs of bytes and adds
 * them up in one instruction, while making floats of bytes takes several for each.
 *
 * The elements of a chunk become 23-bit numbers of a common unit, a power of two that follows from the largest of them, and each
 * number three signed digits of 8 bits. The error is at most 2^-22 of the largest element; sums of products with one digit are
 * exact.
 */

/**
 * Declares `fn magnitude_of(v: vec4<f32>) -> u32`, which orders as the largest magnitude does, `fn digits_of(v: vec4<f32>,
 * largest: u32) -> vec4<u32>` for a unit that fits what has this magnitude, and `fn chunk_dot(w0: u32, …, d0: vec4<u32>, …) -> f32`,
 * the product of so many quads of signed bytes with such digits. Needs the language feature `packed_4x8_integer_dot_product`.
 *
 * @param quads - of a chunk
 */
export function digits(quads: number): string {
  const each = Array.from({ length: quads }, (_, i) => i);
  const words = each.map((i) => `w${i}: u32`).join(", ");
  const vectors = each.map((i) => `d${i}: vec4<u32>`).join(", ");
  const sum = (digit: string) => each.map((i) => `dot4I8Packed(w${i}, d${i}.${digit})`).join(" + ");
  return `fn magnitude_of(v: vec4<f32>) -> u32 {
  let magnitudes = bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu);
  return max(max(magnitudes.x, magnitudes.y), max(magnitudes.z, magnitudes.w));
}
// Three words, of the highest digits first, then the unit's bits.
fn digits_of(v: vec4<f32>, largest: u32) -> vec4<u32> {
  // The largest is below 2^(exponent - 126) and becomes less than 2^22. Where the factor would be infinite, numbers become less.
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
fn chunk_dot(${words}, ${vectors}) -> f32 {
  let high = ${sum("x")};
  let middle = ${sum("y")};
  let low = ${sum("z")};
  return fma(f32(high), 65536.0, fma(f32(middle), 256.0, f32(low))) * bitcast<f32>(d0.w);
}`;
}
