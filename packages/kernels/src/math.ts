/**
 * The activation functions in plain TypeScript, in double precision. The same in WGSL: `wgsl/math.ts`.
 */

/** 1 / (1 + e^-x). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** x · sigmoid(x). */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** log(1 + e^x), and x itself above 20, as the reference does. */
export function softplus(x: number): number {
  return x > 20 ? x : Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** x/2 · (1 + erf(x/√2)), exact. */
export function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

/** The error function to about 1e-15: its power series near zero, the continued fraction of erfc further out. */
export function erf(x: number): number {
  const t = Math.abs(x);
  if (t > 6) return Math.sign(x);
  if (t < 2.5) {
    // erf(t) = 2/√π · e^-t² · Σ 2^n t^(2n+1) / (1·3·…·(2n+1)): all terms positive, so nothing cancels.
    let term = t;
    let sum = t;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * t * t) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t) * sum;
  }
  let fraction = t;
  for (let n = 40; n >= 1; n--) fraction = t + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-t * t) / (fraction * Math.sqrt(Math.PI)));
}
