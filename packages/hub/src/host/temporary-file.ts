/** A file that nobody finds again. */
import type { PartialFile } from "../download/partial-file.ts";

/** Grows at its end, and is gone when it is closed. */
export type TemporaryFile = Pick<PartialFile, "byteLength" | "append" | "read" | "close">;
