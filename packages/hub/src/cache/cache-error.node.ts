/** What a file system says, with what helps. */
import { CacheError } from "../errors.ts";

/**
 * @param what - such as "written"
 * @param variable - of the environment, that says where the file lies
 */
export function cacheError(path: string, what: string, cause: unknown, variable = "HF_HUB_CACHE"): CacheError {
  if (cause instanceof CacheError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  const found = code === "EFBIG" ? "no larger file may be written" : "the disk is full";
  const cure = isFull
    ? `${found}: free some space, or set ${variable} to a folder on another disk`
    : `set ${variable} to a folder that may be written`;
  return new CacheError(path, `could not be ${what} (${code ?? message}); ${cure}`, { cause });
}
