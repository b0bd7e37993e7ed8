/**
 * What every version of `fma-chains` has in common.
 */

/** Enough to hide the latency of one by the others. */
export const CHAINS = 16;

/** Keeps the chains finite; no compiler may leave a step out. */
export const FACTOR = 0.75;
