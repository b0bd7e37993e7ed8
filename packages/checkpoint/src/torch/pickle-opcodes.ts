/**
 * The bytes of pickles, opcode by opcode; tests make ones of them that Python would never write. Each function returns the
 * opcodes that leave one value on the stack. No memo: nothing is shared. Not here: reading, see `pickle.ts`.
 */

/** Opcodes of a pickle. */
export type Opcodes = readonly number[];

/** A whole pickle of protocol 2. */
export function pickle(value: Opcodes): Uint8Array {
  return Uint8Array.from([0x80, 2, ...value, 0x2e]);
}

export const none: Opcodes = [0x4e];

export function bool(value: boolean): Opcodes {
  return [value ? 0x88 : 0x89];
}

export function int(value: number): Opcodes {
  if (value >= 0 && value < 0x100) return [0x4b, value];
  if (value >= 0 && value < 0x10000) return [0x4d, ...littleEndian(BigInt(value), 2)];
  if (Math.abs(value) < 2 ** 31) return [0x4a, ...littleEndian(BigInt(value), 4)];
  return [0x8a, 8, ...littleEndian(BigInt(value), 8)];
}

export function text(value: string): Opcodes {
  const bytes = new TextEncoder().encode(value);
  return [0x58, ...littleEndian(BigInt(bytes.length), 4), ...bytes];
}

export function tuple(...items: readonly Opcodes[]): Opcodes {
  return [0x28, ...items.flat(), 0x74];
}

export function list(...items: readonly Opcodes[]): Opcodes {
  return [0x5d, 0x28, ...items.flat(), 0x65];
}

export function dict(items: readonly (readonly [Opcodes, Opcodes])[]): Opcodes {
  return [0x7d, 0x28, ...items.flat(2), 0x75];
}

export function orderedDict(items: readonly (readonly [Opcodes, Opcodes])[]): Opcodes {
  return [...call(global("collections", "OrderedDict"), tuple()), 0x28, ...items.flat(2), 0x75];
}

export function global(module: string, name: string): Opcodes {
  return [0x63, ...new TextEncoder().encode(`${module}\n${name}\n`)];
}

export function call(callee: Opcodes, args: Opcodes): Opcodes {
  return [...callee, ...args, 0x52];
}

export function persistent(id: Opcodes): Opcodes {
  return [...id, 0x51];
}

/** The object with attributes set, as a state_dict's `_metadata`. */
export function build(object: Opcodes, state: Opcodes): Opcodes {
  return [...object, ...state, 0x62];
}

function littleEndian(value: bigint, byteLength: number): number[] {
  return Array.from({ length: byteLength }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}
