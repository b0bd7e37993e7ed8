/** Numbers and texts that break careless readers: extremes, signs, sizes just beyond a limit, names that objects have anyway. */
import type { Random } from "./random.ts";

const NUMBERS = [
  ...[0, -0, 1, -1, 2, 3, 4, 7, 8, 31, 32, 33, 64, 255, 256, 1000, 65535, 65536, -65536, 0.5, 1.5, -0.5, 1e-320],
  ...[2 ** 24, 2 ** 28, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 1e9, 1e15],
  ...[2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 62, 2 ** 63, 2 ** 64, 1e308, -1e308, Number.NaN, Number.POSITIVE_INFINITY],
];

const TEXTS = [
  ...["", " ", "a", "0", "-1", "NaN", "Infinity", "1e999", "null", "true", "[object Object]", "\0", "a\0b", "\ufeff"],
  ...["__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "length", "then", "toJSON"],
  ...["../../etc/passwd", "/etc/passwd", "..\\..\\etc", "C:\\x", "file:///etc/passwd", ".", "..", "./a", "a/../../b"],
  ...[
    "\ud800",
    "\udc00\ud800",
    "\u{1f4a5}",
    "e\u0301",
    "\ufdfa",
    "\u0130",
    "{a}",
    "$&$`$'",
    "%2e%2e%2f",
    "x".repeat(3000),
  ],
];

/** A number; also one that is not whole, or none at all. */
export function hostileNumber(random: Random): number {
  if (random.chance(0.2)) return random.between(-4, 70);
  return random.pick(NUMBERS) + (random.chance(0.1) ? random.between(-2, 2) : 0);
}

/** A text, a name or a path. */
export function hostileText(random: Random): string {
  return random.pick(TEXTS);
}

/** Little-endian bytes of a size or a count: extremes, and small ones. */
export function hostileWord(random: Random, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  const kind = random.below(6);
  if (kind === 0) bytes.fill(0xff);
  else if (kind === 1) bytes[byteLength - 1] = 0x80;
  else if (kind === 2) bytes.fill(0xff).fill(0x7f, byteLength - 1);
  else if (kind === 3) bytes[random.below(byteLength)] = 1 << random.below(8);
  else if (kind === 4) bytes.set(random.bytes(byteLength));
  else bytes[0] = random.below(80);
  return bytes;
}
