/**
 * What stands for an id where there is none.
 */

/** Where a logit was NaN: the next id, which no table of embeddings has. */
export const NO_ID = 0xffffffff;

/** Where a logit was NaN: set in `chosen`, beside the first id whose logit it was. */
export const NAN_FLAG = 0x80000000;
