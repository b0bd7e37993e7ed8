/**
 * What says which ids are typical: what the shader, the reference and its twin agree on.
 */

/** Words of a row: the bits of the logit that is as likely as is to be expected, and deviation and id of the last that is left. */
export const TYPICAL_WIDTH = 3;

/** Where each of these words is. */
export const TYPICAL = { center: 0, deviation: 1, id: 2 } as const;

/** A deviation of which all ids are left: no number's bits. */
export const ANY_DEVIATION = 0xffffffff;
