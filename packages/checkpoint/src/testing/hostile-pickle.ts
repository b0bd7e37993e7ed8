/**
 * Pickles made to break readers: programs of any opcodes, and values that are deep, large, shared, or contain themselves. Each
 * function returns opcodes that leave one value on the stack, unless it says otherwise.
 */
import { hostileNumber, hostileText, hostileWord, type Random } from "@blackmamba/testing/fuzz";
import {
  bool,
  call,
  dict,
  global,
  int,
  list,
  none,
  type Opcodes,
  orderedDict,
  persistent,
  text,
  tuple,
} from "../torch/pickle-opcodes.ts";

const GLOBALS = [
  ...["torch FloatStorage", "torch HalfStorage", "torch BFloat16Storage", "torch._utils _rebuild_tensor_v2"],
  ...["collections OrderedDict", "os system", "builtins eval", "torch LongStorage", "__proto__ constructor", " "],
].map((name) => name.split(" ") as [string, string]);

/** A whole number as an int; anything else as a float. */
export function number(value: number): Opcodes {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return int(value);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return [0x47, ...bytes];
}

/** Any value, a tensor's parts included. */
export function anyValue(random: Random, depth = 0): Opcodes {
  const inner = () => anyValue(random, depth + 1);
  switch (random.below(depth > 3 ? 7 : 16)) {
    case 0:
      return none;
    case 1:
      return bool(random.chance(0.5));
    case 2:
    case 3:
      return number(hostileNumber(random));
    case 4:
      return text(hostileText(random));
    case 5: // LONG1: up to 255 bytes of digits.
      return bytesOf(random, 0x8a, 1, random.below(random.chance(0.2) ? 256 : 10));
    case 6:
      return global(...random.pick(GLOBALS));
    case 7:
      return list(...random.list(0, 4, inner));
    case 8:
      return tuple(...random.list(0, 4, inner));
    case 9:
      return dict(random.list(0, 3, () => [inner(), inner()] as const));
    case 10:
      return orderedDict(random.list(0, 3, () => [text(hostileText(random)), inner()] as const));
    case 11:
      return call(inner(), inner());
    case 12:
      return persistent(inner());
    case 13: // bytes
      return bytesOf(random, 0x43, 1, random.below(40));
    case 14: // A set.
      return [0x8f, 0x28, ...random.list(0, 4, inner).flat(), 0x90];
    default:
      return bomb(random);
  }
}

/** A value that is small in the file and large, deep or without end when it is walked. */
export function bomb(random: Random): Opcodes {
  const times = random.chance(0.05) ? 20_000 : random.between(3, 60);
  const repeated = (...opcodes: number[]) => Array.from({ length: times }, () => opcodes).flat();
  switch (random.below(6)) {
    case 0: // Tuples in tuples.
      return [0x4e, ...repeated(0x85)];
    case 1: // Lists in lists, by marks.
      return [...repeated(0x28), 0x4e, ...repeated(0x6c)];
    case 2: // A billion laughs: each tuple holds the one before twice.
      return [0x4e, ...repeated(0x32, 0x86)];
    case 3: // A list that contains itself, many times.
      return [0x5d, 0x71, 7, ...repeated(0x68, 7, 0x61)];
    case 4: // A dict that contains itself.
      return [0x7d, 0x71, 9, ...text("self"), 0x68, 9, 0x73];
    default: // Dicts in dicts.
      return [...repeated(0x7d, 0x4b, 1), 0x4e, ...repeated(0x73)];
  }
}

/** Opcodes with the operands that they take, in no order that makes sense; what they leave is anything. */
export function anyProgram(random: Random): Opcodes {
  return random
    .list(1, 40, (): Opcodes => {
      const kind = random.below(8);
      if (kind < 3) return anyValue(random, 2);
      if (kind === 3) return [random.pick([0x71, 0x68, 0x4b]), random.below(4)];
      if (kind === 4) return [random.pick(LENGTHS_OF_4), ...hostileWord(random, 4)];
      if (kind === 5) return [random.pick([0x8d, 0x8e, 0x96, 0x95]), ...hostileWord(random, 8)];
      if (kind === 6) return [random.below(256)];
      return [random.pick(PLAIN)];
    })
    .flat();
}

/** Opcodes without operands. */
const PLAIN = [
  ...[0x28, 0x30, 0x31, 0x32, 0x94, 0x4e, 0x29, 0x85, 0x86, 0x87, 0x74, 0x5d, 0x6c, 0x61, 0x65, 0x8f, 0x90, 0x91, 0x7d],
  ...[0x64, 0x73, 0x75, 0x93, 0x52, 0x62, 0x51],
];

/** Opcodes with a length or an index of four bytes. */
const LENGTHS_OF_4 = [0x58, 0x54, 0x42, 0x8b, 0x72, 0x6a];

/** An opcode with a length before its bytes. */
function bytesOf(random: Random, opcode: number, lengthBytes: number, length: number): Opcodes {
  return [opcode, length, ...new Uint8Array(lengthBytes - 1), ...random.bytes(length)];
}
