/**
 * API keys. A key is compared by its hash, and with every key there is, so that how long that takes says nothing about the keys.
 */
import { InvalidKeyError } from "./errors.ts";

/** Lets a request through, or throws `InvalidKeyError`. */
export type CheckKey = (authorization: string | undefined) => Promise<void>;

/** Checks the header `Authorization` against keys. Without keys everyone is let through. */
export function createKeyCheck(keys: readonly string[]): CheckKey {
  if (keys.length === 0) return async () => {};
  const known = Promise.all(keys.map(hash));
  return async (authorization) => {
    if (authorization === undefined) throw new InvalidKeyError("no such header");
    const key = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (key === undefined) throw new InvalidKeyError("something else");
    const given = await hash(key);
    let isKnown = false;
    for (const each of await known) isKnown = isSame(each, given) || isKnown;
    if (!isKnown) throw new InvalidKeyError("another key");
  };
}

/**
 * Keys as a file or a variable lists them: separated by white space or commas; a line that begins with `#` is a comment.
 */
export function parseKeys(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .flatMap((line) => line.split(/[\s,]+/))
    .filter((key) => key !== "");
}

async function hash(key: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
}

/** In the same time wherever they differ. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.byteLength ^ b.byteLength;
  for (let at = 0; at < a.byteLength; at++) difference |= (a[at] as number) ^ (b[at] ?? 0);
  return difference === 0;
}
