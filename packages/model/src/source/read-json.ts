/** JSON files, or what was parsed of them. */
import { type ByteSource, type ByteSourceLike, toByteSource } from "@blackmamba/checkpoint";
import { ModelFileError } from "../errors.ts";

/** Parses a JSON file; what is parsed already is returned as it is. */
export async function readJson(
  from: ByteSourceLike | object,
  name: string,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!isBytes(from)) return from;
  const source = toByteSource(from, name);
  const bytes = await source.read(0, source.byteLength, { signal });
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

/** Whether these are bytes, wherever they are, rather than something parsed. */
export function isBytes(from: ByteSourceLike | object): from is ByteSourceLike {
  return from instanceof Blob || from instanceof ArrayBuffer || from instanceof Uint8Array || isSource(from);
}

/** Whether this is a source of bytes. */
export function isSource(from: unknown): from is ByteSource {
  return typeof from === "object" && from !== null && "read" in from && typeof from.read === "function";
}
