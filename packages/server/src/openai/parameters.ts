/**
 * The parameters of a request, read one by one: each as what it has to be, or refused with its name, what was expected and what was
 * found. Those that nobody has read in the end are unknown, and refused too, as OpenAI's servers do. `null` is as left out.
 */
import { InvalidParameterError, UnknownParameterError } from "../errors.ts";

/** Reads a request's parameters. */
export class Parameters {
  readonly #body: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  constructor(body: Readonly<Record<string, unknown>>) {
    this.#body = body;
  }

  /** A value that the caller checks. */
  value(name: string): unknown {
    this.#known.add(name);
    const value = Object.hasOwn(this.#body, name) ? this.#body[name] : undefined;
    return value === null ? undefined : value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw new InvalidParameterError(name, "true or false", value);
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "string") return value;
    throw new InvalidParameterError(name, "a text", value);
  }

  /** A number that is none of the others: `from` and `to` are allowed, unless `above` is given in the place of `from`. */
  number(name: string, { from, above, to }: NumberRange): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const isAboveLeast = typeof value === "number" && (above === undefined ? value >= (from ?? 0) : value > above);
    if (isAboveLeast && value <= (to ?? Number.MAX_VALUE)) return value;
    const least = above === undefined ? `of at least ${from ?? 0}` : `above ${above}`;
    const expected =
      to === undefined ? least : above === undefined ? `from ${from ?? 0} to ${to}` : `${least}, to ${to}`;
    throw new InvalidParameterError(name, `a number ${expected}`, value);
  }

  integer(name: string, from: number, to: number): number | undefined {
    const value = this.value(name);
    if (value === undefined || isInteger(value, from, to)) return value;
    throw new InvalidParameterError(name, `a whole number from ${from} to ${to}`, value);
  }

  /** Ids of a vocabulary of `vocab`. */
  ids(name: string, vocab: number, most: number): readonly number[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const ids = checkIds(name, value, vocab);
    if (ids.length > most) throw new InvalidParameterError(name, `at most ${most} ids`, value);
    return ids;
  }

  /** One text, or some: none of them empty. */
  texts(name: string, most: number): readonly string[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (texts.length > most) throw new InvalidParameterError(name, `at most ${most} texts`, value);
    const wrong = texts.findIndex((text) => typeof text !== "string" || text === "");
    if (wrong < 0) return texts as readonly string[];
    const at = Array.isArray(value) ? `${name}[${wrong}]` : name;
    throw new InvalidParameterError(at, "a text, or several, none of them empty", texts[wrong]);
  }

  /** The parameters of an object that is one itself. */
  object(name: string): Parameters | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (isObject(value)) return new Parameters(value);
    throw new InvalidParameterError(name, "an object", value);
  }

  /** Names and values that are set. */
  entries(): [string, unknown][] {
    return Object.entries(this.#body);
  }

  /** Refuses what has not been read by now. */
  assertAllKnown(): void {
    const unknown = this.entries().find(([name, value]) => !this.#known.has(name) && value !== null);
    if (unknown) throw new UnknownParameterError(unknown[0], [...this.#known]);
  }
}

/** Where a number may be; without `to`, up to any. */
interface NumberRange {
  readonly from?: number;
  readonly above?: number;
  readonly to?: number;
}

export function isInteger(value: unknown, from: number, to: number): value is number {
  return Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as ids of a vocabulary. */
export function checkIds(name: string, value: unknown, vocab: number): readonly number[] {
  if (!Array.isArray(value)) throw new InvalidParameterError(name, "an array of ids", value);
  const wrong = value.findIndex((id) => !isInteger(id, 0, vocab - 1));
  if (wrong < 0) return value as number[];
  throw new InvalidParameterError(`${name}[${wrong}]`, `an id from 0 to ${vocab - 1}`, value[wrong]);
}
