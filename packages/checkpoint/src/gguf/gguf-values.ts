/**
 * Reads what a GGUF header is made of, in order and by range, with a bound on how much of a file a header may be. Not here:
 * what the values mean, see `gguf-header.ts`.
 */
import type { ByteSource, ReadOptions } from "../byte-source.ts";
import { GgufError, LimitError, TruncatedError } from "../errors.ts";
import { ARRAY, BOOL, NUMBER_ARRAYS, STRING } from "./gguf-types.ts";

/** A value of a GGUF file's metadata. Whole numbers of 64 bits are `number` where that is exact, else `bigint`. */
export type GgufValue = GgufScalar | GgufArray;

/** A single value. */
export type GgufScalar = number | bigint | boolean | string;

/** Values of one type. */
export type GgufArray =
  | readonly string[]
  | readonly boolean[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/**
 * A value as a file has it, its type before it. To be written again as it was: a `GgufValue` does not say which type of number it
 * had, and of text that is no UTF-8 it has lost something.
 */
export class EncodedGgufValue {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Most bytes of a header: several times that of a large vocabulary. */
const MAX_HEADER_BYTE_LENGTH = 32 << 20;

/** Bytes that are asked of the source at a time. */
const WINDOW_BYTE_LENGTH = 1 << 20;

/** Longest text: larger than any chat template. */
const MAX_TEXT_BYTE_LENGTH = 16 << 20;

/** Longest list of truth values, which are eight times their bytes in memory. No model has more than one for each layer. */
const MAX_BOOLEANS = 1 << 20;

/** Reads values one after another. */
export class GgufReader {
  readonly #source: ByteSource;
  readonly #options: ReadOptions;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #windowStart = 0;
  #at = 0;

  constructor(source: ByteSource, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Where the next value begins. */
  get byteOffset(): number {
    return this.#at;
  }

  async u32(): Promise<number> {
    const [view, at] = await this.#take(4);
    return view.getUint32(at, true);
  }

  /** A count or an offset. */
  async count(what: string): Promise<number> {
    const [view, at] = await this.#take(8);
    const value = Number(view.getBigUint64(at, true));
    if (Number.isSafeInteger(value)) return value;
    throw new GgufError(this.#source.name, `${what} is ${value}, more than can be counted`);
  }

  async text(what: string): Promise<string> {
    const byteLength = await this.count(`${what}'s length`);
    if (byteLength > MAX_TEXT_BYTE_LENGTH) {
      throw new GgufError(
        this.#source.name,
        `${what} is a text of ${byteLength} bytes, at most ${MAX_TEXT_BYTE_LENGTH} expected`,
      );
    }
    const [view, at] = await this.#take(byteLength);
    return textOf(view, at, byteLength);
  }

  /** A value with its type before it. */
  async value(what: string): Promise<GgufValue> {
    const type = await this.u32();
    if (type === STRING) return this.text(what);
    if (type === ARRAY) return this.#array(what);
    if (type === BOOL) {
      const [view, at] = await this.#take(1);
      return view.getUint8(at) !== 0;
    }
    const [value] = (await this.#numbers(type, 1, what)) as ArrayLike<number | bigint> & Iterable<number | bigint>;
    return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : (value as GgufScalar);
  }

  async #array(what: string): Promise<GgufArray> {
    const type = await this.u32();
    const count = await this.count(`${what}'s length`);
    if (type !== STRING) {
      if (type !== BOOL) return this.#numbers(type, count, what);
      if (count > MAX_BOOLEANS) {
        throw new GgufError(this.#source.name, `${what} is a list of ${count}, at most ${MAX_BOOLEANS} expected`);
      }
      return Array.from((await this.#numbers(0, count, what)) as Uint8Array, (byte) => byte !== 0);
    }
    // Each takes 8 bytes at least: a count that the file cannot hold is noticed before anything is made of it.
    this.#require(count * 8);
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.#textWithin() ?? (await this.text(what)));
    return texts;
  }

  /** The next text, where all of it is at hand: there may be a million, and waiting takes longer than reading. */
  #textWithin(): string | undefined {
    const at = this.#at - this.#windowStart;
    if (at + 8 > this.#window.byteLength || this.#window.getUint32(at + 4, true) !== 0) return undefined;
    const byteLength = this.#window.getUint32(at, true);
    if (at + 8 + byteLength > this.#window.byteLength) return undefined;
    this.#at += 8 + byteLength;
    return textOf(this.#window, at + 8, byteLength);
  }

  async #numbers(type: number, count: number, what: string): Promise<GgufArray> {
    const Numbers = NUMBER_ARRAYS.get(type);
    if (!Numbers) {
      throw new GgufError(
        this.#source.name,
        `${what} has the type ${type}, none that is known (arrays of arrays are not read)`,
      );
    }
    const byteLength = count * Numbers.BYTES_PER_ELEMENT;
    this.#require(byteLength);
    const [view, at] = await this.#take(byteLength);
    return new Numbers(view.buffer.slice(view.byteOffset + at, view.byteOffset + at + byteLength) as ArrayBuffer);
  }

  /** The next bytes: a view, and where in it they are. */
  async #take(byteLength: number): Promise<[DataView, number]> {
    this.#require(byteLength);
    const end = this.#at + byteLength;
    if (end > this.#windowStart + this.#window.byteLength) {
      const length = Math.min(Math.max(byteLength, WINDOW_BYTE_LENGTH), this.#source.byteLength - this.#at);
      const bytes = await this.#source.read(this.#at, length, this.#options);
      this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#windowStart = this.#at;
    }
    const at = this.#at - this.#windowStart;
    this.#at = end;
    return [this.#window, at];
  }

  #require(byteLength: number): void {
    const end = this.#at + byteLength;
    if (end > this.#source.byteLength) {
      throw new TruncatedError(
        this.#source.name,
        `a header of ${end} bytes or more expected, it ends at ${this.#source.byteLength}`,
      );
    }
    if (end > MAX_HEADER_BYTE_LENGTH) {
      throw new LimitError(
        this.#source.name,
        `a header of over ${MAX_HEADER_BYTE_LENGTH} bytes found, which no model needs`,
      );
    }
  }
}

/** Vocabularies hold pieces of characters: what is no UTF-8 is marked, not refused. */
function textOf({ buffer, byteOffset }: DataView, at: number, byteLength: number): string {
  return decoder.decode(new Uint8Array(buffer, byteOffset + at, byteLength));
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
