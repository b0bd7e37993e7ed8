/** How long to wait before another attempt. */

/** The wait after the second failure; each is twice the one before. After the first there is none: most breaks are over at once. */
const FIRST_WAIT_MS = 250;

/** A server may ask to wait for longer than this, and then it is better to say so than to sit there. */
export const LONGEST_WAIT_MS = 60_000;

/** In milliseconds, after so many failures in a row. */
export function waitAfter(failures: number): number {
  return failures === 1 ? 0 : FIRST_WAIT_MS * 2 ** (failures - 2);
}
