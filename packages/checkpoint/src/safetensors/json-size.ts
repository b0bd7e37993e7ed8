/**
 * How much would become of JSON, told from its bytes before it is parsed: a byte can become fifty, and nested arrays take long besides.
 */

/** What a text holds at most. */
export interface JsonSize {
  /** Objects and arrays within each other. */
  readonly depth: number;
  /** Objects, arrays, and commas between their members. */
  readonly values: number;
}

/** Whether JSON stays within bounds. What is no JSON may have any answer. */
export function isJsonWithin(bytes: Uint8Array, most: JsonSize): boolean {
  let depth = 0;
  let values = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isText) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) {
      isText = true;
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > most.depth || ++values > most.values) return false;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    } else if (byte === 0x2c) {
      if (++values > most.values) return false;
    }
  }
  return true;
}
