/**
 * Reads single keys of a `config.json`, and says which one is wrong.
 */
import { ModelConfigError } from "../errors.ts";

/** Largest value of any size: far above any real model, and small enough that products stay exact. */
const MAX_SIZE = 1 << 24;

/** Most layers that a number alone may ask for: nothing else in a file says that they are there. */
const MAX_LAYERS = 4096;

const CURE = "take config.json from the model's own repository";

/** The keys of a parsed file. */
export class ConfigKeys {
  /** Names the file in errors. */
  readonly name: string;
  readonly #keys: Readonly<Record<string, unknown>>;

  constructor(name: string, keys: object) {
    this.name = name;
    this.#keys = keys as Readonly<Record<string, unknown>>;
  }

  /** Whether the file has it, and not as `null`. */
  has(key: string): boolean {
    return this.get(key) !== undefined && this.get(key) !== null;
  }

  get(key: string): unknown {
    // What every object has is no key of the file.
    return Object.hasOwn(this.#keys, key) ? this.#keys[key] : undefined;
  }

  /** A whole number of at least 1. */
  size(key: string, most = MAX_SIZE): number {
    const value = this.get(key);
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw this.wrong(key, `a whole number from 1 to ${most}`);
  }

  /** How many layers there are. */
  depth(key: string): number {
    return this.size(key, MAX_LAYERS);
  }

  flag(key: string, fallback?: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.wrong(key, "true or false");
  }

  /** A small number above 0. */
  epsilon(key: string, fallback: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === "number" && value > 0 && value < 1) return value;
    throw this.wrong(key, "a number between 0 and 1");
  }

  /** Throws unless the key is missing or one of these values: what this project cannot do otherwise. */
  only(key: string, ...values: readonly unknown[]): void {
    if (!this.has(key) || values.includes(this.get(key))) return;
    const expected = values.map((value) => JSON.stringify(value)).join(" or ");
    throw new ModelConfigError(
      `${this.name}: ${key}: expected ${expected}, found ${describe(this.get(key))}; such models are not supported`,
    );
  }

  /** The keys of an object within; of an empty one where it is missing. */
  within(key: string): ConfigKeys {
    const value = this.get(key) ?? {};
    if (typeof value !== "object" || Array.isArray(value)) throw this.wrong(key, "an object");
    return new ConfigKeys(`${this.name}: ${key}`, value);
  }

  /** The error for a key with a wrong value. */
  wrong(key: string, expected: string): ModelConfigError {
    return new ModelConfigError(
      `${this.name}: ${key}: expected ${expected}, found ${describe(this.get(key))}; ${CURE}`,
    );
  }
}

/** A value as JSON, shortened; of a long list, which may have millions, only how long it is. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "bigint") return String(value);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes of numbers`;
  if (Array.isArray(value) && value.length > 100) return `a list of ${value.length}`;
  const text = JSON.stringify(shallow(value, 2));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The value without what is further within: JSON may be nested so deep that writing it would overflow the stack. */
function shallow(value: unknown, levels: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) return "...";
  if (Array.isArray(value)) return value.slice(0, 100).map((member) => shallow(member, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shallow(member, levels - 1)]));
}
