/**
 * WGSL functions whose builtin is missing, or not exact enough for float32 results. The same in TypeScript: `math.ts`.
 */

/** `fn sigmoid(x: f32) -> f32`. Never takes exp of a positive number, which may overflow. */
export const SIGMOID = `fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}`;

/** `fn silu(x: f32) -> f32`, x · sigmoid(x). Includes {@link SIGMOID}. */
export const SILU = `${SIGMOID}
fn silu(x: f32) -> f32 { return x * sigmoid(x); }`;

/**
 * `fn softplus(x: f32) -> f32`, log(1 + exp(x)), and x itself above 20.
 *
 * WGSL's log may be wrong by 2^-21 near 1 and 1 + y drops the low bits of y, so a time step of 0.001 would come out with an
 * error of 5e-4. Here log(1 + y) = 2 artanh(y / (2 + y)), whose series converges fast as y / (2 + y) is at most 1/3.
 */
export const SOFTPLUS = `fn softplus(x: f32) -> f32 {
  if (x > 20.0) { return x; }
  let y = exp(-abs(x));
  let s = y / (2.0 + y);
  let q = s * s;
  var p = 1.0 / 17.0;
  p = fma(p, q, 1.0 / 15.0);
  p = fma(p, q, 1.0 / 13.0);
  p = fma(p, q, 1.0 / 11.0);
  p = fma(p, q, 1.0 / 9.0);
  p = fma(p, q, 1.0 / 7.0);
  p = fma(p, q, 1.0 / 5.0);
  p = fma(p, q, 1.0 / 3.0);
  p = fma(p, q, 1.0);
  return max(x, 0.0) + 2.0 * s * p;
}`;

/**
 * `fn gelu(x: f32) -> f32`, exact: x/2 · (1 + erf(x/√2)).
 *
 * erf by two polynomials (N. Juffa's float32 fits), each within one unit in the last place: odd below 0.9277, beyond it
 * 1 − exp(p(t)).
 */
export const GELU = `fn erf(a: f32) -> f32 {
  let t = abs(a);
  let s = a * a;
  if (t > 0.927734375) {
    var r = fma(-1.72853470e-5, t, 3.83197126e-4);
    let u = fma(-3.88396438e-3, t, 2.42546219e-2);
    r = fma(r, s, u);
    r = fma(r, t, -1.06777877e-1);
    r = fma(r, t, -6.34846687e-1);
    r = fma(r, t, -1.28717512e-1);
    r = fma(r, t, -t);
    return sign(a) * (1.0 - exp(r));
  }
  var r = -5.96761703e-4;
  r = fma(r, s, 4.99119423e-3);
  r = fma(r, s, -2.67681349e-2);
  r = fma(r, s, 1.12819925e-1);
  r = fma(r, s, -3.76125336e-1);
  r = fma(r, s, 1.28379166e-1);
  return fma(r, a, a);
}
fn gelu(x: f32) -> f32 { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }`;
