/** Hashes in Node: by the processor's own instructions, where it has them. */
import { createHash } from "node:crypto";
import { type FileHash, gitHeader, type Hasher } from "../download/hash.ts";

/** @param byteLength - of the whole file, which git hashes too */
export function createHasher(algorithm: FileHash["algorithm"], byteLength: number): Hasher {
  const hash = createHash(algorithm === "sha256" ? "sha256" : "sha1");
  if (algorithm === "git-sha1") hash.update(gitHeader(byteLength));
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
}
