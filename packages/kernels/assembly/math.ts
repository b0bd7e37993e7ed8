/**
 * Four float32 at a time: activations and the small change of SIMD. AssemblyScript, compiled to WebAssembly; the same
 * functions in double precision: `../src/math.ts`, in WGSL: `../src/wgsl/math.ts`.
 *
 * Loads may read beyond what they need (the device keeps its memory's last page free); stores never write beyond it.
 */

@inline
export function splat(value: f32): v128 {
  return f32x4.splat(value);
}

/** a · b + c, rounded twice. */
@inline
export function mulAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Bits of the first `count` lanes: to silence what was read beyond the end, be it NaN. */
@inline
export function laneMask(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** Stores the first `count` lanes; all four if there are more. */
@inline
export function storeLanes(address: usize, value: v128, count: i32): void {
  if (count >= 4) {
    v128.store(address, value);
    return;
  }
  v128.store_lane<f32>(address, value, 0);
  if (count > 1) v128.store_lane<f32>(address + 4, value, 1);
  if (count > 2) v128.store_lane<f32>(address + 8, value, 2);
}

/** [Σ a, Σ b, Σ c, Σ d] over the lanes of each. */
@inline
export function sumLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/**
 * e^x with a relative error of about 1e-7, for x from −87.3 to 88.3; beyond that as at the ends, so never 0 and never
 * infinite. Reduction to |r| ≤ ln2/2 with ln2 in two parts, and the polynomial of the Cephes library.
 */
@inline
export function exp4(x: v128): v128 {
  // In this order of operands NaN stays NaN.
  x = f32x4.pmin(f32x4.pmax(x, splat(-87.3)), splat(88.3));
  // 1.5 · 2^23 pushes the fraction out: the integer n is in the low bits.
  const shifted = mulAdd(x, splat(1.44269504), splat(12582912.0));
  const n = f32x4.sub(shifted, splat(12582912.0));
  let r = f32x4.sub(x, f32x4.mul(n, splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, splat(-2.12194440e-4)));
  let p = splat(1.9875691500e-4);
  p = mulAdd(p, r, splat(1.3981999507e-3));
  p = mulAdd(p, r, splat(8.3334519073e-3));
  p = mulAdd(p, r, splat(4.1665795894e-2));
  p = mulAdd(p, r, splat(1.6666665459e-1));
  p = mulAdd(p, r, splat(5.0000001201e-1));
  const y = f32x4.add(mulAdd(p, f32x4.mul(r, r), r), splat(1.0));
  return f32x4.mul(y, i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23));
}

/** 1 / (1 + e^-x), never taking exp of a positive number. */
@inline
export function sigmoid4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(v128.bitselect(splat(1.0), e, f32x4.ge(x, splat(0.0))), f32x4.add(splat(1.0), e));
}

/** x · sigmoid(x). */
@inline
export function silu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(x));
}

/** log(1 + e^x), and x itself above 20; log(1 + y) = 2 artanh(y / (2 + y)), whose series converges fast. */
@inline
export function softplus4(x: v128): v128 {
  const y = exp4(f32x4.neg(f32x4.abs(x)));
  const s = f32x4.div(y, f32x4.add(splat(2.0), y));
  const q = f32x4.mul(s, s);
  let p = splat(1.0 / 17.0);
  p = mulAdd(p, q, splat(1.0 / 15.0));
  p = mulAdd(p, q, splat(1.0 / 13.0));
  p = mulAdd(p, q, splat(1.0 / 11.0));
  p = mulAdd(p, q, splat(1.0 / 9.0));
  p = mulAdd(p, q, splat(1.0 / 7.0));
  p = mulAdd(p, q, splat(1.0 / 5.0));
  p = mulAdd(p, q, splat(1.0 / 3.0));
  p = mulAdd(p, q, splat(1.0));
  const result = f32x4.add(f32x4.pmax(x, splat(0.0)), f32x4.mul(f32x4.mul(splat(2.0), s), p));
  return v128.bitselect(x, result, f32x4.gt(x, splat(20.0)));
}

/** x/2 · (1 + erf(x/√2)); the two polynomials are those of the shader. */
@inline
export function gelu4(x: v128): v128 {
  const a = f32x4.mul(x, splat(0.70710678118654752));
  const t = f32x4.pmin(f32x4.abs(a), splat(4.1));
  let p = splat(-2.1337515e-4);
  p = mulAdd(p, t, splat(3.2099066e-3));
  p = mulAdd(p, t, splat(-2.2873692e-2));
  p = mulAdd(p, t, splat(1.0523631e-1));
  p = mulAdd(p, t, splat(6.3573784e-1));
  p = mulAdd(p, t, splat(1.1285086));
  const far = f32x4.sub(splat(1.0), exp4(f32x4.neg(f32x4.mul(t, p))));
  const s = f32x4.mul(a, a);
  let q = splat(-5.9194642e-4);
  q = mulAdd(q, s, splat(4.9791415e-3));
  q = mulAdd(q, s, splat(-2.6757045e-2));
  q = mulAdd(q, s, splat(1.1281553e-1));
  q = mulAdd(q, s, splat(-3.7612468e-1));
  q = mulAdd(q, s, splat(1.2837915e-1));
  const near = mulAdd(a, q, a);
  const signed = v128.bitselect(a, far, i32x4.splat(0x80000000));
  const erf = v128.bitselect(signed, near, f32x4.gt(t, splat(0.9375)));
  return f32x4.mul(f32x4.mul(splat(0.5), x), f32x4.add(splat(1.0), erf));
}
