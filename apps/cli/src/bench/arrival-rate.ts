/**
 * Tokens per second, and how long a reader waits for them, from the times at which they arrived. Where ids are read back several
 * at a time they arrive in bursts; those of the first burst were computed before it arrived, so the clock starts there and counts
 * those after it.
 */

/** A gap this much smaller than a step takes is none: the tokens came in one burst. */
const BURST_SHARE = 0.1;

/**
 * The rate of one text.
 *
 * @param start - when the generation was asked for, ms
 * @param arrivals - when each token came, ms; at least one
 */
export function arrivalRate(start: number, arrivals: readonly number[]): number {
  const last = arrivals.length - 1;
  const [first = last] = burstsOfText(start, arrivals);
  return rateBetween(arrivals, first, last) ?? rateOfAll(start, arrivals);
}

/**
 * How long a reader waited each time, ms: from a burst's last token to the next one's first. The wait for the first burst, which
 * is the prompt's, is none of them.
 *
 * @param start - when the generation was asked for, ms
 * @param arrivals - when each token came, ms
 */
export function arrivalGaps(start: number, arrivals: readonly number[]): number[] {
  const ends = burstsOfText(start, arrivals).slice(0, -1);
  return ends.map((end) => (arrivals[end + 1] ?? 0) - (arrivals[end] ?? 0));
}

/** A token of one of several texts. */
export interface Arrival {
  /** Which text. */
  readonly index: number;
  /** When it came, ms. */
  readonly at: number;
}

/**
 * The rate of several texts that are generated together, all of them: from when the last has begun to when the first has ended.
 *
 * @param start - when they were asked for, ms
 * @param arrivals - the tokens of all texts, as they came
 */
export function togetherRate(start: number, arrivals: readonly Arrival[], texts: number): number {
  const firsts = new Map<number, number>();
  const lasts = new Map<number, number>();
  for (const [position, { index }] of arrivals.entries()) {
    if (!firsts.has(index)) firsts.set(index, position);
    lasts.set(index, position);
  }
  const times = arrivals.map(({ at }) => at);
  const [begun, ended] = [Math.max(...firsts.values()), Math.min(...lasts.values())];
  const stepMs = (((times.at(-1) ?? start) - start) / times.length) * texts;
  const ends = burstEnds(times, stepMs * BURST_SHARE).filter((end) => end >= begun && end <= ended);
  return rateBetween(times, ends[0] ?? 0, ends.at(-1) ?? 0) ?? rateOfAll(start, times);
}

/** Positions of the last token of each burst of one text. */
function burstsOfText(start: number, arrivals: readonly number[]): number[] {
  const stepMs = ((arrivals.at(-1) ?? start) - start) / arrivals.length;
  return burstEnds(arrivals, stepMs * BURST_SHARE);
}

/** Positions of the last token of each burst. */
function burstEnds(times: readonly number[], gapMs: number): number[] {
  const isLast = (time: number, position: number) => (times[position + 1] ?? Number.POSITIVE_INFINITY) - time >= gapMs;
  return [...times.keys()].filter((position) => isLast(times[position] ?? 0, position));
}

/** Of the tokens after `first` up to `last`; `undefined` where there are none: then there is nothing to start the clock by. */
function rateBetween(times: readonly number[], first: number, last: number): number | undefined {
  return last > first ? ((last - first) * 1000) / ((times[last] ?? 0) - (times[first] ?? 0)) : undefined;
}

function rateOfAll(start: number, times: readonly number[]): number {
  return (times.length * 1000) / ((times.at(-1) ?? start) - start);
}
