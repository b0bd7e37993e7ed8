/** The cache, for those who look after it. */
import { host } from "#host";
import type { FileCache } from "./cache/file-cache.ts";
import { CacheError } from "./errors.ts";

/**
 * Opens the cache that models from a hub are kept in.
 *
 * @param folder - default: `HF_HUB_CACHE`, else `~/.cache/huggingface/hub`; in a browser, a name within the origin's files
 * @throws CacheError where a browser keeps no files
 */
export async function openCache(folder?: string): Promise<FileCache> {
  const cache = await host.openCache(folder);
  if (cache) return cache;
  throw new CacheError(
    "cache",
    "a place for files expected, found a browser that keeps none; allow this site to keep files",
  );
}
