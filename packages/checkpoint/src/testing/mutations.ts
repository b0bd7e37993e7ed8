/** Damage for fuzz tests: seeded, small changes to a file, of the kinds that bad disks and bad people make. */

import fc from "fast-check";

/** One change. Positions are parts of the whole, from 0 to 1, so that a change fits any file. */
type Mutation =
  | { readonly kind: "set"; readonly at: number; readonly byte: number }
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "word"; readonly at: number; readonly word: readonly number[] }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "remove"; readonly at: number; readonly length: number }
  | { readonly kind: "repeat"; readonly at: number; readonly length: number };

/** Numbers that break careless readers: extremes, signs, sizes just beyond a limit. */
const WORDS = [
  [0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0x80],
  [0xff, 0xff],
  [0, 0, 0, 0, 0, 0, 0x20, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
] as const;

/** Evenly: of doubles nearly all would be so small that they mean the first byte. */
const at = fc.integer({ min: 0, max: 0xfffff }).map((value) => value / 0x100000);
const length = fc.integer({ min: 1, max: 40 });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at, byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant("flip" as const), at, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant("word" as const), at, word: fc.constantFrom(...WORDS) }),
  fc.record({ kind: fc.constant("cut" as const), at }),
  fc.record({ kind: fc.constant("remove" as const), at, length }),
  fc.record({ kind: fc.constant("repeat" as const), at, length }),
);

/** One to four changes. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(mutation, { minLength: 1, maxLength: 4 });

/** The file with the changes made, one after another. */
export function mutate(file: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  return changes.reduce(change, file);
}

function change(file: Uint8Array, mutation: Mutation): Uint8Array {
  const position = Math.floor(mutation.at * file.length);
  if (mutation.kind === "cut") return file.slice(0, position);
  if (mutation.kind === "remove" || mutation.kind === "repeat") {
    const end = Math.min(position + mutation.length, file.length);
    const resume = mutation.kind === "remove" ? end : position;
    return Uint8Array.from([
      ...file.subarray(0, mutation.kind === "remove" ? position : end),
      ...file.subarray(resume),
    ]);
  }
  const copy = file.slice();
  if (mutation.kind === "set") copy[position] = mutation.byte;
  else if (mutation.kind === "flip") copy[position] = (copy[position] ?? 0) ^ (1 << mutation.bit);
  else copy.set(mutation.word.slice(0, copy.length - position), position);
  return copy;
}
