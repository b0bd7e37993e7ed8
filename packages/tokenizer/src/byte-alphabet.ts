/**
 * The alphabet in which a byte-level vocabulary writes bytes: printable Latin-1 stands for itself, every other byte
 * for a character from U+0100 on, so that no token holds a space or a control character. (GPT-2's `bytes_to_unicode`.)
 */

const isPrintableLatin1 = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

const byteOfCharacter: ReadonlyMap<string, number> = (() => {
  const bytes = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte += 1) {
    bytes.set(String.fromCharCode(isPrintableLatin1(byte) ? byte : next++), byte);
  }
  return bytes;
})();

/** The bytes a byte-level token stands for. A token with a character outside the alphabet is its own UTF-8. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  let length = 0;
  for (const character of token) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes[length++] = byte;
  }
  return bytes;
}
