/**
 * What every version of `fma-chains` has in common.
 */

/** Enough to hide the latency of one by the others, and all that a processor's 16 vector registers have room for. */
export const CHAINS = 12;

/** Keeps the chains finite; no compiler may leave a step out. */
export const FACTOR = 0.75;
