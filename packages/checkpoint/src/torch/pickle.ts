/**
 * Reads Python pickles that hold plain data: protocols 2 to 5, by an allow-list of opcodes and of globals. It builds
 * arrays, maps and values, and calls only the functions it is given. Not here: classes, code, anything that `pickle.load`
 * would run; and what torch's globals mean, see `torch-globals.ts`.
 */

import { DuplicateNameError, ForbiddenGlobalError, LimitError, PickleError } from "../errors.ts";

/**
 * What a global stands for: a function that is called with the pickle's arguments where the pickle calls it, or `null`
 * for one that the pickle may name but not call.
 */
export type PickleGlobals = ReadonlyMap<string, ((args: readonly unknown[]) => unknown) | null>;

/** A global that the pickle named, such as `torch.HalfStorage`. */
export class PickledGlobal {
  /** Module and name with a dot between. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Options of `readPickle`. */
export interface ReadPickleOptions {
  /** What to call the pickle in errors; "pickle" by default. */
  readonly name?: string | undefined;
  /** The only globals allowed; `PLAIN_GLOBALS` by default. */
  readonly globals?: PickleGlobals | undefined;
  /** Gives the object that a persistent id stands for; without it a persistent id is refused. */
  readonly persistentLoad?: ((id: unknown) => unknown) | undefined;
}

/** The most bytes a pickle may have: a hundred times that of the largest real checkpoint. */
export const MAX_PICKLE_BYTE_LENGTH = 8 * 1024 * 1024;

/**
 * The most lists, dicts, sets, tuples, bytes, marks, results of calls and places in the memo that a pickle may make: fifty times
 * those of the largest real checkpoint. One byte makes a dict, which takes two hundred.
 */
const MAX_OBJECTS = 500_000;

/** A whole number may have that many bytes; Python's own are unbounded. */
const MAX_LONG_BYTE_LENGTH = 1024;

/** The globals plain data may need: `collections.OrderedDict`, which becomes a `Map`. */
export const PLAIN_GLOBALS: PickleGlobals = new Map([
  [
    "collections.OrderedDict",
    (args: readonly unknown[]) => {
      // Python 2 wrote the items as an argument, Python 3 sets them afterwards.
      const [items = []] = args;
      if (args.length > 1 || !Array.isArray(items)) throw new TypeError("at most one list of items");
      const map = new Map<unknown, unknown>();
      for (const item of items as unknown[]) {
        if (!Array.isArray(item) || item.length !== 2) throw new TypeError("an item is a pair");
        map.set(item[0], item[1]);
      }
      return map;
    },
  ],
]);

/**
 * The value that the bytes hold. dict becomes `Map`, list an array, tuple a frozen array, set a `Set`, None `null`, bytes
 * `Uint8Array`, int a number or beyond 2^53 a bigint. Bytes after the value are ignored, as Python does.
 *
 * A dict's keys are strings, numbers, booleans, None or tuples; a tuple is equal only to itself. An object that occurs in
 * several places is one object, and a list may contain itself: do not walk the result without a limit.
 *
 * Throws `PickleError`, `ForbiddenGlobalError`, `LimitError`.
 */
export function readPickle(bytes: Uint8Array, options: ReadPickleOptions = {}): unknown {
  const name = options.name ?? "pickle";
  if (bytes.byteLength > MAX_PICKLE_BYTE_LENGTH) {
    const found = `the pickle has ${bytes.byteLength} bytes`;
    throw new LimitError(name, `${found}, at most ${MAX_PICKLE_BYTE_LENGTH} are read; save only the state_dict`);
  }
  return new Unpickler(bytes, name, options.globals ?? PLAIN_GLOBALS, options.persistentLoad).run();
}

/**
 * The stack machine. Every opcode takes at least a byte and pushes at most one value, so the bytes bound its memory; what takes far more
 * than its bytes is counted.
 */
class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  readonly #globals: PickleGlobals;
  readonly #persistentLoad: ((id: unknown) => unknown) | undefined;
  readonly #memo = new Map<number, unknown>();
  /** Values since the last mark. */
  #stack: unknown[] = [];
  /** The stacks below each mark. */
  readonly #marked: unknown[][] = [];
  #objects = 0;
  #at = 0;
  #opcodeAt = 0;

  constructor(
    bytes: Uint8Array,
    name: string,
    globals: PickleGlobals,
    persistentLoad: ((id: unknown) => unknown) | undefined,
  ) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#name = name;
    this.#globals = globals;
    this.#persistentLoad = persistentLoad;
  }

  run(): unknown {
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#bytes[this.#take(1)] as number;
      if (opcode === 0x2e) return this.#pop(); // STOP
      if (OBJECT_OPCODES.has(opcode) && ++this.#objects > MAX_OBJECTS) {
        throw new LimitError(this.#name, `the pickle makes over ${MAX_OBJECTS} objects; save only the state_dict`);
      }
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      // Frame and protocol.
      case 0x80: // PROTO
        this.#protocol(this.#uint8());
        return;
      case 0x95: // FRAME
        if (this.#uint64() > this.#bytes.byteLength - this.#at) throw this.#error("a frame reaches beyond the end");
        return;

      // Stack and memo.
      case 0x28: // MARK
        this.#marked.push(stack);
        this.#stack = [];
        return;
      case 0x30: // POP
        if (stack.length > 0) stack.pop();
        else this.#popMark();
        return;
      case 0x31: // POP_MARK
        this.#popMark();
        return;
      case 0x32: // DUP
        stack.push(this.#top());
        return;
      case 0x71: // BINPUT
        this.#memo.set(this.#uint8(), this.#top());
        return;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#uint32(), this.#top());
        return;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 0x68: // BINGET
        stack.push(this.#recall(this.#uint8()));
        return;
      case 0x6a: // LONG_BINGET
        stack.push(this.#recall(this.#uint32()));
        return;

      // Scalars.
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
        stack.push(true);
        return;
      case 0x89: // NEWFALSE
        stack.push(false);
        return;
      case 0x4b: // BININT1
        stack.push(this.#uint8());
        return;
      case 0x4d: // BININT2
        stack.push(this.#view.getUint16(this.#take(2), true));
        return;
      case 0x4a: // BININT
        stack.push(this.#view.getInt32(this.#take(4), true));
        return;
      case 0x8a: // LONG1
        stack.push(this.#long(this.#uint8()));
        return;
      case 0x8b: // LONG4
        stack.push(this.#long(this.#uint32()));
        return;
      case 0x47: // BINFLOAT
        stack.push(this.#view.getFloat64(this.#take(8), false));
        return;

      // Strings and bytes.
      case 0x58: // BINUNICODE
        stack.push(this.#text(this.#uint32()));
        return;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.#text(this.#uint8()));
        return;
      case 0x8d: // BINUNICODE8
        stack.push(this.#text(this.#uint64()));
        return;
      case 0x54: // BINSTRING, a Python 2 str
        stack.push(this.#text(this.#uint32()));
        return;
      case 0x55: // SHORT_BINSTRING
        stack.push(this.#text(this.#uint8()));
        return;
      case 0x42: // BINBYTES
        stack.push(this.#slice(this.#uint32()));
        return;
      case 0x43: // SHORT_BINBYTES
        stack.push(this.#slice(this.#uint8()));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(this.#slice(this.#uint64()));
        return;

      // Tuples, lists, sets.
      case 0x29: // EMPTY_TUPLE
        stack.push(Object.freeze([]));
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(this.#tuple(opcode - 0x84));
        return;
      case 0x74: // TUPLE
        this.#push(Object.freeze(this.#popMark()));
        return;
      case 0x5d: // EMPTY_LIST
        stack.push([]);
        return;
      case 0x6c: // LIST
        this.#push(this.#popMark());
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
        this.#append(this.#popMark());
        return;
      case 0x8f: // EMPTY_SET
        stack.push(new Set());
        return;
      case 0x90: // ADDITEMS
        this.#addItems(this.#popMark());
        return;
      case 0x91: // FROZENSET
        this.#push(new Set(this.#popMark()));
        return;

      // Dicts.
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        return;
      case 0x64: // DICT
        this.#dict(this.#popMark());
        return;
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        this.#setItems([this.#pop(), value]);
        return;
      }
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark());
        return;

      // Globals and calls, by the allow-list.
      case 0x63: // GLOBAL
        stack.push(this.#global(this.#line(), this.#line()));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const attribute = this.#pop();
        const module = this.#pop();
        stack.push(this.#global(module, attribute));
        return;
      }
      case 0x52: {
        // REDUCE
        const args = this.#pop();
        stack.push(this.#call(this.#pop(), args));
        return;
      }
      case 0x62: // BUILD
        this.#build();
        return;
      case 0x51: // BINPERSID
        stack.push(this.#persistent(this.#pop()));
        return;

      default:
        throw this.#refusedOpcode(opcode);
    }
  }

  #protocol(version: number): void {
    if (version > 5) throw this.#error(`protocol ${version} found, 2 to 5 expected`);
  }

  /** Moves past `byteLength` bytes and returns where they start. */
  #take(byteLength: number): number {
    const start = this.#at;
    if (byteLength > this.#bytes.byteLength - start) {
      throw this.#error(`${byteLength} bytes expected, ${this.#bytes.byteLength - start} left; the pickle is cut off`);
    }
    this.#at = start + byteLength;
    return start;
  }

  #uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Above 2^53 it is rounded, which `#take` refuses all the same. */
  #uint64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  /** A two's complement little-endian number of any length. */
  #long(byteLength: number): number | bigint {
    if (byteLength > MAX_LONG_BYTE_LENGTH) {
      throw new LimitError(
        this.#name,
        `a whole number of ${byteLength} bytes; at most ${MAX_LONG_BYTE_LENGTH} are read`,
      );
    }
    const start = this.#take(byteLength);
    let value = 0n;
    for (let at = start + byteLength - 1; at >= start; at--) value = (value << 8n) | BigInt(this.#bytes[at] as number);
    value = BigInt.asIntN(byteLength * 8, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #text(byteLength: number): string {
    const start = this.#take(byteLength);
    try {
      return utf8.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      throw this.#error(`a string of ${byteLength} bytes is not UTF-8`);
    }
  }

  #slice(byteLength: number): Uint8Array {
    const start = this.#take(byteLength);
    return this.#bytes.slice(start, this.#at);
  }

  /** Text up to the next line feed. */
  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#error("a name without an end");
    const text = this.#text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#error("the stack is empty");
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw this.#error("the stack is empty");
    return this.#stack.pop();
  }

  /** The values since the last mark. */
  #popMark(): unknown[] {
    const values = this.#stack;
    const below = this.#marked.pop();
    if (!below) throw this.#error("there is no mark");
    this.#stack = below;
    return values;
  }

  #recall(index: number): unknown {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#error(`memo ${index} was never set`);
    return value;
  }

  #tuple(length: number): readonly unknown[] {
    if (this.#stack.length < length) throw this.#error("the stack is empty");
    return Object.freeze(this.#stack.splice(this.#stack.length - length));
  }

  #append(values: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list) || Object.isFrozen(list)) throw this.#error("only a list can be appended to");
    for (const value of values) list.push(value);
  }

  #addItems(values: readonly unknown[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) throw this.#error("only a set can be added to");
    for (const value of values) set.add(value);
  }

  #dict(items: readonly unknown[]): void {
    this.#push(new Map());
    this.#setItems(items);
  }

  #setItems(items: readonly unknown[]): void {
    const map = this.#top();
    if (!(map instanceof Map)) throw this.#error("only a dict can have items set");
    if (items.length % 2 !== 0) throw this.#error("a key without a value");
    for (let index = 0; index < items.length; index += 2) {
      const key = items[index];
      if (typeof key === "object" && key !== null && !Object.isFrozen(key)) throw this.#error("a key that can change");
      // A dict never writes a key twice, so one of two equal names would be lost.
      if (map.has(key)) {
        // A tuple is not spelt out: it may be nested without limit.
        throw new DuplicateNameError(this.#name, typeof key === "object" ? "(a tuple)" : String(key));
      }
      map.set(key, items[index + 1]);
    }
  }

  #global(module: unknown, attribute: unknown): PickledGlobal {
    if (typeof module !== "string" || typeof attribute !== "string") throw this.#error("a global without a name");
    const name = `${module}.${attribute}`;
    if (!this.#globals.has(name)) throw new ForbiddenGlobalError(this.#name, name, this.#globals.keys());
    return new PickledGlobal(name);
  }

  #call(callee: unknown, args: unknown): unknown {
    const callable = callee instanceof PickledGlobal ? this.#globals.get(callee.name) : undefined;
    if (!(callee instanceof PickledGlobal) || !callable) {
      const what = callee instanceof PickledGlobal ? `"${callee.name}"` : "a value";
      throw this.#error(`${what} is called, which is refused`);
    }
    if (!Array.isArray(args) || !Object.isFrozen(args)) throw this.#error(`"${callee.name}" is called without a tuple`);
    try {
      return callable(args);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw this.#error(`"${callee.name}" is called with other arguments than it takes: ${error.message}`);
    }
  }

  /** A state_dict carries its `_metadata` as attributes of its OrderedDict. Nothing here needs attributes. */
  #build(): void {
    this.#pop();
    if (!(this.#top() instanceof Map))
      throw this.#error("BUILD sets an object's attributes; only a dict's are skipped");
  }

  #persistent(id: unknown): unknown {
    if (!this.#persistentLoad) throw this.#error("it refers to an object outside of it");
    try {
      return this.#persistentLoad(id);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw this.#error(`the persistent id is not one of torch's: ${error.message}`);
    }
  }

  #refusedOpcode(opcode: number): PickleError {
    const name = REFUSED_OPCODES.get(opcode);
    const hex = `0x${opcode.toString(16).padStart(2, "0")}`;
    if (!name) return this.#error(`${hex} is no opcode of protocols 2 to 5; the file is damaged or no pickle`);
    return this.#error(`opcode ${name} (${hex}) is refused: plain data does not need it`);
  }

  #error(message: string): PickleError {
    return new PickleError(this.#name, `at byte ${this.#opcodeAt} of the pickle: ${message}`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Opcodes that make an object, or a place in the memo. */
const OBJECT_OPCODES: ReadonlySet<number> = new Set([
  // MARK, BINPUT, LONG_BINPUT, MEMOIZE
  ...[0x28, 0x71, 0x72, 0x94],
  // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE, EMPTY_LIST, LIST, EMPTY_SET, FROZENSET, EMPTY_DICT, DICT
  ...[0x29, 0x85, 0x86, 0x87, 0x74, 0x5d, 0x6c, 0x8f, 0x91, 0x7d, 0x64],
  // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8, GLOBAL, STACK_GLOBAL, REDUCE, BINPERSID
  ...[0x42, 0x43, 0x8e, 0x96, 0x63, 0x93, 0x52, 0x51],
]);

/** Real opcodes that build objects, or belong to the text protocol 0. Named so that the error can say which. */
const REFUSED_OPCODES: ReadonlyMap<number, string> = new Map([
  [0x46, "FLOAT"],
  [0x49, "INT"],
  [0x4c, "LONG"],
  [0x50, "PERSID"],
  [0x53, "STRING"],
  [0x56, "UNICODE"],
  [0x67, "GET"],
  [0x69, "INST"],
  [0x6f, "OBJ"],
  [0x70, "PUT"],
  [0x81, "NEWOBJ"],
  [0x82, "EXT1"],
  [0x83, "EXT2"],
  [0x84, "EXT4"],
  [0x92, "NEWOBJ_EX"],
  [0x97, "NEXT_BUFFER"],
  [0x98, "READONLY_BUFFER"],
]);
