/**
 * What differs between Node and a browser for files of a hub. Chosen by the `#host` entry of package.json. Not here: what any file on
 * a server needs, see `temporary-file.ts`.
 */
import type { FileCache } from "../cache/file-cache.ts";
import type { FileHash, Hasher } from "../download/hash.ts";

/** Where a hub is, and what it lets us see. */
export interface HubSettings {
  /** Address of the hub, without a "/" at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** Whether only the cache may be used. */
  readonly isOffline: boolean;
}

/** What a host gives. */
export interface Host {
  /** From the environment, where there is one. */
  hubSettings(): Promise<HubSettings>;
  /** The cache; `undefined` where the browser keeps nothing. */
  openCache(folder?: string): Promise<FileCache | undefined>;
  createHasher(algorithm: FileHash["algorithm"], byteLength: number): Hasher;
}
