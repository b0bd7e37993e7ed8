/**
 * Damage to JSON that leaves it JSON: values of another type or beyond all measure, keys that are missing, doubled or have the
 * names of what objects have anyway.
 */
import { hostileNumber, hostileText } from "./hostile.ts";
import type { Random } from "./random.ts";

/** Numbers as they stand in a file: also those that JavaScript would write differently, or not at all. */
const NUMERALS = ["1e999", "-1e999", "1e308", "9007199254740993", "18446744073709551616", "-0", "1E400", "0.1e-400"];

/** Text of the value with one to four changes. */
export function damagedJson(random: Random, value: unknown): string {
  const nodes = countNodes(value);
  const marked = new Set(random.list(1, 4, () => random.below(nodes)));
  let next = 0;
  const write = (node: unknown): string => {
    const change = marked.has(next++);
    if (change && random.chance(0.6)) {
      next += countNodes(node) - 1;
      return hostileJson(random);
    }
    if (Array.isArray(node)) {
      const items = node.map(write);
      if (change) alter(random, items, () => hostileJson(random));
      return `[${items.join(",")}]`;
    }
    if (typeof node === "object" && node !== null) {
      const members = Object.entries(node).map(([key, member]) => [JSON.stringify(key), write(member)] as const);
      if (change) alter(random, members, () => [JSON.stringify(hostileText(random)), hostileJson(random)] as const);
      return `{${members.map(([key, member]) => `${key}:${member}`).join(",")}}`;
    }
    return change ? hostileJson(random) : JSON.stringify(node);
  };
  return write(value);
}

/** Text of any value. */
export function hostileJson(random: Random, depth = 0): string {
  const kind = random.below(depth > 3 ? 5 : 8);
  if (kind === 0) return random.pick(["null", "true", "false", "[]", "{}", '""']);
  if (kind === 1) return random.pick(NUMERALS);
  if (kind === 2) {
    const number = hostileNumber(random);
    return Number.isFinite(number) ? String(number) : JSON.stringify(String(number));
  }
  if (kind < 5) return JSON.stringify(hostileText(random));
  const inner = () => hostileJson(random, depth + 1);
  if (kind === 5) return `[${random.list(0, 4, inner).join(",")}]`;
  if (kind === 6) {
    return `{${random.list(0, 4, () => `${JSON.stringify(hostileText(random))}:${inner()}`).join(",")}}`;
  }
  // Seldom as deep as to be slow.
  const levels = random.chance(0.02) ? 30_000 : random.between(5, 300);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
    ['[{"__proto__":', "}]"],
  ] as const);
  return `${open.repeat(levels)}1${close.repeat(levels)}`;
}

/** Leaves out one, doubles one, adds one, or puts another in the place of one. */
function alter<T>(random: Random, items: T[], make: () => T): void {
  const at = random.below(items.length + 1);
  const kind = random.below(4);
  if (kind === 0) items.splice(at, 1);
  else if (kind === 1) items.splice(at, 0, items[random.below(items.length)] ?? make());
  else if (kind === 2) items.splice(at, 0, make());
  else items.splice(at, 1, make());
}

function countNodes(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, member) => sum + countNodes(member), 1);
}
