/**
 * A file that nobody finds again. The `#temporary-file` entry of package.json chooses who makes it, apart from `#host`: a page that
 * only opens addresses gets neither the hub's hashes nor its cache.
 */
import type { PartialFile } from "../download/partial-file.ts";

/** Grows at its end, and is gone when it is closed. */
export type TemporaryFile = Pick<PartialFile, "byteLength" | "append" | "read" | "close">;
