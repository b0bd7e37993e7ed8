/** Hashes in a browser, whose own take a file only as a whole. */
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { type FileHash, gitHeader, type Hasher } from "../download/hash.ts";

/** @param byteLength - of the whole file, which git hashes too */
export function createHasher(algorithm: FileHash["algorithm"], byteLength: number): Hasher {
  const hash = algorithm === "sha256" ? sha256.create() : sha1.create();
  if (algorithm === "git-sha1") hash.update(gitHeader(byteLength));
  return { update: (bytes) => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
}
