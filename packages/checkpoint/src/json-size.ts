/**
 * How much would become of JSON, told from its bytes before it is parsed: a byte can become fifty, and nested arrays take long besides.
 */

/** What a text holds. */
export interface JsonSize {
  /** Objects and arrays within each other. */
  readonly depth: number;
  /** Objects, arrays, and commas between their members. */
  readonly values: number;
  /** Commas between the outermost members: as many members as these and one, also those that share a name. */
  readonly commas: number;
}

/** What JSON holds; of what is no JSON it may be anything. */
export function jsonSize(bytes: Uint8Array): JsonSize {
  let depth = 0;
  let deepest = 0;
  let values = 0;
  let commas = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isText) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) {
      isText = true;
    } else if (byte === 0x5b || byte === 0x7b) {
      values++;
      deepest = Math.max(deepest, ++depth);
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    } else if (byte === 0x2c) {
      values++;
      if (depth === 1) commas++;
    }
  }
  return { depth: deepest, values, commas };
}
