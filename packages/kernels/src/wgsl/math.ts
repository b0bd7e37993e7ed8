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
 * `fn twice_artanh(s: f32) -> f32`, 2 artanh(s) for |s| ≤ 1/3, where its series converges fast. It stands in for logarithms near
 * 1, which WGSL's own may have wrong by 2^-21: log(1 + y) = 2 artanh(y / (2 + y)).
 */
export const TWICE_ARTANH = `fn twice_artanh(s: f32) -> f32 {
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
  return 2.0 * s * p;
}`;

/**
 * `fn softplus(x: f32) -> f32`, log(1 + exp(x)), and x itself above 20. Includes {@link TWICE_ARTANH}: 1 + exp(x) drops low bits
 * and its logarithm is inexact, so a time step of 0.001 would come out with an error of 5e-4.
 */
export const SOFTPLUS = `${TWICE_ARTANH}
fn softplus(x: f32) -> f32 {
  if (x > 20.0) { return x; }
  let y = exp(-abs(x));
  return max(x, 0.0) + twice_artanh(y / (2.0 + y));
}`;

/**
 * `fn gelu(x: f32) -> f32`, exact: x/2 · (1 + erf(x/√2)).
 *
 * erf by two polynomials, fitted to the least largest relative error: below 0.9375 of erf(a)/a − 1 in a² (2e-8), beyond it
 * of −log(erfc(t))/t in t (3e-9). At 4.1 erf is 1 in float32.
 */
export const GELU = `fn erf(a: f32) -> f32 {
  let t = min(abs(a), 4.1);
  if (t > 0.9375) {
    var p = -2.1337515e-4;
    p = fma(p, t, 3.2099066e-3);
    p = fma(p, t, -2.2873692e-2);
    p = fma(p, t, 1.0523631e-1);
    p = fma(p, t, 6.3573784e-1);
    p = fma(p, t, 1.1285086);
    return sign(a) * (1.0 - exp(-t * p));
  }
  let s = a * a;
  var q = -5.9194642e-4;
  q = fma(q, s, 4.9791415e-3);
  q = fma(q, s, -2.6757045e-2);
  q = fma(q, s, 1.1281553e-1);
  q = fma(q, s, -3.7612468e-1);
  q = fma(q, s, 1.2837915e-1);
  return fma(a, q, a);
}
fn gelu(x: f32) -> f32 { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }`;
