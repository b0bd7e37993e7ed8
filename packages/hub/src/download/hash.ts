/** Which bytes a file has to have. */

/** As the hub publishes it: SHA-256 of large files; of small ones the SHA-1 that git gives them. */
export interface FileHash {
  readonly algorithm: "sha256" | "git-sha1";
  /** Lower case; also the file's name in the cache. */
  readonly hex: string;
}

/** Takes a file's bytes in order. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Of all that was taken. */
  hex(): string;
}

/** What git puts before a file's bytes when it hashes them. */
export function gitHeader(byteLength: number): Uint8Array {
  return new TextEncoder().encode(`blob ${byteLength}\0`);
}
