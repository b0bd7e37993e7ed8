/**
 * `sampleCut` for the CPU device: as the reference, but only the likeliest ids are sorted, as many as the cut needs.
 */
import { type HostOperands, u32 } from "@blackmamba/tensor";
import { NAN_KEY } from "../key.ts";
import { logitRow } from "../logit.ts";
import { firstInOrder, IDS, largestOf, MAX_KEY, massesOf, partOf, sum } from "../order.cpu.ts";
import { decodeSettings } from "../settings.ts";
import type { SampleCutOperands } from "./cut.ts";
import { CUT, CUT_WIDTH } from "./cut-words.ts";

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
  let needed = left === vocab && masses ? partOf(sum(masses), topP) : undefined;
  const sorted = firstInOrder(keys, left < vocab ? { count: left + 1 } : { masses, needed });
  const at = (index: number) => ({ key: MAX_KEY - Math.floor(sorted[index] / IDS), id: sorted[index] % IDS });
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
      needed = partOf(total, topP);
    }
    let count = 0;
    for (let mass = 0; mass < needed && count < left; count++) mass += massOf(count);
    cutAfter(count);
  }
  return last;
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
