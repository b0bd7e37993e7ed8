/**
 * The ids that come first in an order, for the CPU device: only as many are sorted as are needed. A histogram of the keys' upper bits
 * tells which those are.
 */
import { massUnit } from "./cut/cut-words.ts";

/** More than any id. Key and id of one number: with 32 bits of key it stays exact. */
export const IDS = 2 ** 21;

/** A key without these bits is its place in the histogram: sign, exponent and three bits of the fraction are left. */
const LOWER_BITS = 20;
const PLACES = 2 ** (32 - LOWER_BITS);

/** The largest that a key can be. */
export const MAX_KEY = 0xffffffff;

/**
 * The first ids in order, the largest key first, as numbers that hold MAX_KEY − key and id: at least `count`, or so many that their
 * masses reach `needed`, and one more.
 */
export function firstInOrder(
  keys: Uint32Array,
  enough: { readonly count?: number; readonly masses?: Float64Array | undefined; readonly needed?: number | undefined },
): Float64Array {
  const { count = 0, masses, needed = 0 } = enough;
  const counts = new Uint32Array(PLACES);
  const massAt = new Float64Array(PLACES);
  for (let id = 0; id < keys.length; id++) {
    counts[keys[id] >>> LOWER_BITS] += 1;
    if (masses) massAt[keys[id] >>> LOWER_BITS] += masses[id];
  }
  let place = PLACES;
  let [found, mass, isFull] = [0, 0, false];
  while (place > 0 && !isFull) {
    place -= 1;
    // What was enough before this place is followed by the first that this place has.
    isFull = count === 0 && counts[place] > 0 && found > 0 && mass >= needed;
    found += counts[place];
    mass += massAt[place];
    if (count > 0) isFull = found >= count;
  }
  const order = new Float64Array(found);
  let length = 0;
  for (let id = 0; id < keys.length; id++) {
    if (keys[id] >>> LOWER_BITS >= place) order[length++] = (MAX_KEY - keys[id]) * IDS + id;
  }
  return order.sort();
}

/** Each id's mass: whole numbers, so that sums are exact in any order. */
export function massesOf(logits: Float32Array, largest: number, inverseTemperature: number): Float64Array {
  const unit = massUnit(logits.length);
  const masses = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    masses[id] = logit === largest ? unit : Math.floor(Math.exp((logit - largest) * inverseTemperature) * unit);
  }
  return masses;
}

/** A share, in parts of 2^32, of a mass. */
export function partOf(total: number, share: number): number {
  return Math.max(1, Number((BigInt(total) * BigInt(share)) >> 32n));
}

export function largestOf(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if (logits[id] > largest) largest = logits[id];
  return largest;
}

export function sum(numbers: Float64Array): number {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i];
  return total;
}
