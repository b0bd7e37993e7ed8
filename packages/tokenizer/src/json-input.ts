/**
 * Turns what a caller may hand over for a JSON file (its bytes, its text, or the parsed value) into an object.
 * Knows nothing of what is in it.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Makes the error of the file that is being read; `message` goes on after the file's name. */
export type FileErrorFactory = (message: string, options?: ErrorOptions) => Error;

/** The object that a JSON file holds. Fails with `fileError` when it holds anything else. */
export function jsonObject(input: unknown, fileError: FileErrorFactory): JsonObject {
  const value = input instanceof Uint8Array ? parse(decodeUtf8(input, fileError), fileError) : input;
  const parsed = typeof value === "string" ? parse(value, fileError) : value;
  if (!isObject(parsed)) throw fileError(`expected an object, found ${kindOf(parsed)}; pass the file's contents`);
  return parsed;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a value is, for an error message. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value === undefined) return "nothing";
  if (typeof value === "object") return "an object";
  if (typeof value === "string" && value.length > 60) return `a text of ${value.length} characters`;
  return JSON.stringify(value) ?? typeof value;
}

function decodeUtf8(bytes: Uint8Array, fileError: FileErrorFactory): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw fileError(`expected UTF-8 text, found other bytes (${bytes.byteLength} in all); fetch the file again`, {
      cause,
    });
  }
}

function parse(text: string, fileError: FileErrorFactory): unknown {
  if (text.trim() === "") throw fileError("expected JSON, found nothing; fetch the file again");
  try {
    return JSON.parse(text);
  } catch (cause) {
    // A path handed over by mistake is recognised by its beginning; a truncated file by the parser's own words.
    const found = text.trimStart().startsWith("{")
      ? `${cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ") : cause} (${text.length} characters in all); fetch the file again`
      : `found text that starts ${JSON.stringify(text.slice(0, 40))}; pass the file's contents, not its name`;
    throw fileError(`expected JSON, ${found}`, { cause });
  }
}
