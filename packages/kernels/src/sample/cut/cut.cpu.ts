/**
 * `sampleCut` for the CPU device: as the reference, but only the likeliest ids are sorted, as many as the cut needs. A
 * histogram of the keys' upper bits tells which those are.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { NAN_KEY } from "../key.ts";
import { logitRow } from "../logit.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleCutOperands } from "./cut.ts";
import { CUT, CUT_WIDTH, massHalfBits } from "./cut-words.ts";

/** More than any id. Key and id of one number: with 32 bits of key it stays exact. */
const IDS = 2 ** 21;

/** A key without these bits is its place in the histogram: sign, exponent and three bits of the fraction are left. */
const LOWER_BITS = 20;
const PLACES = 2 ** (32 - LOWER_BITS);

/** Stands for "all" in the settings. */
const ALL = 0xffffffff;

export function sampleCutCpu(operands: HostOperands<SampleCutOperands>, _: unknown, tokens: number): void {
  const cuts = u32(operands.cut);
  for (let row = 0; row < tokens; row++) {
    const { topK, topP, inverseTemperature } = decodeSettings(u32(operands.settings), row);
    const logits = logitRow(operands, row);
    const largest = largestOf(logits);
    const last = findLast(logits, largest, topK, topP, inverseTemperature);
    cuts[row * CUT_WIDTH + CUT.key] = last.key;
    cuts[row * CUT_WIDTH + CUT.id] = last.id;
    cuts[row * CUT_WIDTH + CUT.largest] = new Uint32Array(Float32Array.of(largest).buffer)[0];
  }
}

/** The last that top-k and top-p leave. */
function findLast(logits: Float32Array, largest: number, topK: number, topP: number, inverseTemperature: number) {
  const vocab = logits.length;
  const all = { key: 0, id: vocab - 1 };
  if (topK >= vocab && topP === ALL) return all;
  const keys = keysOf(logits);
  const masses = topP === ALL ? undefined : massesOf(logits, largest, inverseTemperature);

  // Without top-k, top-p needs the mass of all; else only of those that top-k leaves, which are sorted anyway.
  let left = Math.min(topK, vocab);
  let needed = left === vocab && masses ? shareOf(sum(masses), topP) : undefined;
  const sorted = likeliest(keys, left < vocab ? { count: left + 1 } : { masses, needed });
  const at = (index: number) => ({ key: ALL - Math.floor(sorted[index] / IDS), id: sorted[index] % IDS });
  let last = all;
  const cutAfter = (count: number) => {
    const [end, next] = [at(count - 1), count < left ? at(count) : undefined];
    // Where no other of this logit is to be left out, the id does not matter.
    if (next?.key !== end.key) end.id = end.key === last.key ? last.id : vocab - 1;
    last = end;
    left = count;
  };

  if (left < vocab) {
    const count = left;
    left = vocab;
    cutAfter(count);
  }
  if (masses) {
    const massOf = (index: number) => masses[sorted[index] % IDS];
    if (needed === undefined) {
      let total = 0;
      for (let i = 0; i < left; i++) total += massOf(i);
      needed = shareOf(total, topP);
    }
    let count = 0;
    for (let mass = 0; mass < needed && count < left; count++) mass += massOf(count);
    cutAfter(count);
  }
  return last;
}

/**
 * The first ids in order, as numbers that hold key and id: at least `count`, or so many that their masses reach `needed`, and
 * one more.
 */
function likeliest(
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
    if (keys[id] >>> LOWER_BITS >= place) order[length++] = (ALL - keys[id]) * IDS + id;
  }
  return order.sort();
}

/** `keyOf` of each, from the bits that are already there: a loop is several times faster than `Uint32Array.from`. */
function keysOf(logits: Float32Array): Uint32Array {
  const bits = new Uint32Array(logits.buffer, logits.byteOffset, logits.length);
  const keys = new Uint32Array(logits.length);
  for (let id = 0; id < keys.length; id++) {
    const own = bits[id];
    if ((own & 0x7fffffff) > 0x7f800000) keys[id] = NAN_KEY;
    else if (own >>> 31 === 0) keys[id] = own | 0x80000000;
    else keys[id] = own === 0x80000000 ? own : ~own;
  }
  return keys;
}

/** Each id's mass: whole numbers, so that sums are exact in any order. */
function massesOf(logits: Float32Array, largest: number, inverseTemperature: number): Float64Array {
  const unit = 2 ** (2 * massHalfBits(logits.length) - 1);
  const masses = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    masses[id] = logit === largest ? unit : Math.floor(Math.exp((logit - largest) * inverseTemperature) * unit);
  }
  return masses;
}

/** How much of a mass top-p leaves. */
function shareOf(total: number, topP: number): number {
  return Math.max(1, Number((BigInt(total) * BigInt(topP)) >> 32n));
}

function largestOf(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if (logits[id] > largest) largest = logits[id];
  return largest;
}

function sum(numbers: Float64Array): number {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i];
  return total;
}
