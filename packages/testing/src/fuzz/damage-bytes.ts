/** Damage to a file that knows nothing of its format: what bad disks do, and people who try. */
import { hostileWord } from "./hostile.ts";
import type { Random } from "./random.ts";

/** The file with one to four changes, one after another. */
export function damageBytes(random: Random, file: Uint8Array): Uint8Array {
  let damaged = file;
  for (let left = random.between(1, 4); left > 0; left--) damaged = change(random, damaged);
  return damaged;
}

function change(random: Random, file: Uint8Array): Uint8Array {
  const at = random.below(file.length);
  const end = Math.min(file.length, at + random.between(1, 40));
  switch (random.below(7)) {
    case 0: // Cut.
      return file.slice(0, at);
    case 1: // Left out.
      return joined(file.subarray(0, at), file.subarray(end));
    case 2: // Twice.
      return joined(file.subarray(0, end), file.subarray(at));
    case 3: // Moved here from elsewhere.
      return overwritten(file, at, file.subarray(random.below(file.length)).subarray(0, end - at));
    case 4: // One bit.
      return overwritten(file, at, [(file[at] ?? 0) ^ (1 << random.below(8))]);
    case 5: // One byte.
      return overwritten(file, at, [random.below(256)]);
    default: // A number.
      return overwritten(file, at, hostileWord(random, random.pick([1, 2, 4, 8])));
  }
}

/** The file with other bytes from `at` on; none is added. */
export function overwritten(file: Uint8Array, at: number, bytes: ArrayLike<number>): Uint8Array {
  const copy = file.slice();
  for (let i = 0; i < bytes.length && at + i < copy.length; i++) copy[at + i] = bytes[i] as number;
  return copy;
}

/** Files one after another. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
