/** JSON files, or what was parsed of them. */
import { type ByteSource, type ByteSourceLike, jsonSize, type ReadOptions, toByteSource } from "@blackmamba/checkpoint";
import { ModelFileError, ModelFileLimitError } from "../errors.ts";

/** How much of a file is read, and how much may become of it. */
export interface JsonLimits {
  readonly byteLength: number;
  /** Objects and arrays within each other. */
  readonly depth: number;
  /** Objects, arrays, and commas between their members. */
  readonly values: number;
}

/** Of a configuration or an index: the largest model's index is a tenth of it. */
export const SMALL_JSON: JsonLimits = { byteLength: 1 << 20, depth: 32, values: 1 << 16 };

/** Of `tokenizer.json`: a million ids and as many merges, each of two texts. Its steps may be lists of lists of steps. */
export const TOKENIZER_JSON: JsonLimits = { byteLength: 64 << 20, depth: 64, values: 1 << 22 };

/** Options of {@link readJson}. */
export interface ReadJsonOptions extends ReadOptions {
  /** Default: {@link SMALL_JSON}. */
  readonly limits?: JsonLimits | undefined;
}

/**
 * Parses a JSON file; what is parsed already is returned as it is.
 *
 * @param name - in errors, of bytes that have none
 * @throws ModelFileLimitError, ModelFileError, and what the source throws
 */
export async function readJson(
  from: ByteSourceLike | object,
  name: string,
  { signal, limits = SMALL_JSON }: ReadJsonOptions = {},
): Promise<unknown> {
  if (!isBytes(from)) return from;
  const source = toByteSource(from, name);
  if (source.byteLength > limits.byteLength) {
    throw tooLarge(source.name, `at most ${limits.byteLength} bytes`, `${source.byteLength}`);
  }
  const bytes = await source.read(0, source.byteLength, { signal });
  const { depth, values } = jsonSize(bytes);
  if (depth > limits.depth) throw tooLarge(source.name, `at most ${limits.depth} levels`, `${depth}`);
  if (values > limits.values) throw tooLarge(source.name, `at most ${limits.values} values`, `${values}`);
  try {
    // Of what is fetched, this waits until it was found to be right.
    await source.complete?.({ signal });
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
    const found = `something else (${cause.message})`;
    throw new ModelFileError(`${source.name}: expected JSON, found ${found}; mend it, or download it again`, { cause });
  }
}

function tooLarge(name: string, expected: string, found: string): ModelFileLimitError {
  return new ModelFileLimitError(
    `${name}: expected ${expected}, found ${found}, which no model here has; download it again, or check that it is the right file`,
  );
}

/** Whether these are bytes, wherever they are, rather than something parsed. */
export function isBytes(from: ByteSourceLike | object): from is ByteSourceLike {
  return from instanceof Blob || from instanceof ArrayBuffer || from instanceof Uint8Array || isSource(from);
}

/** Whether this is a source of bytes. */
export function isSource(from: unknown): from is ByteSource {
  return typeof from === "object" && from !== null && "read" in from && typeof from.read === "function";
}
