/**
 * Files of models that were fetched before. In Node the standard folder, which other tools read and write too; in a browser the
 * origin private file system. Not here: either of them, see `node-cache.node.ts` and `browser-cache.ts`.
 */
import type { ByteSource, ReadOptions } from "@blackmamba/checkpoint";
import type { PartialFile } from "../download/partial-file.ts";
import type { HubFile, HubListing } from "./hub-file.ts";

/** A model in the cache. */
export interface CachedModel {
  /** Such as `"Zyphra/BlackMamba-1.5B"`. */
  readonly name: string;
  /** Branches, tags and commits by which it can be found. */
  readonly revisions: readonly string[];
  /** Bytes of the files that are whole. */
  readonly byteLength: number;
  /** Bytes of downloads that broke, and will be continued. */
  readonly partialByteLength: number;
  /** Where it lies, if it has a path. */
  readonly path?: string | undefined;
}

/** A file of a model in the cache, held against its hash. */
export interface CheckedFile {
  /** The file's name; its hash where no revision has it. */
  readonly path: string;
  readonly byteLength: number;
  readonly isRight: boolean;
}

/** Options of {@link FileCache.verify}. */
export interface VerifyOptions extends ReadOptions {
  /** Called whenever some bytes have been checked. */
  readonly onProgress?:
    | ((progress: { readonly checkedBytes: number; readonly totalBytes: number }) => void)
    | undefined;
}

/** Where files that were fetched are kept. */
export interface FileCache {
  /** The file, if it is there and whole. */
  open(file: HubFile): Promise<ByteSource | undefined>;
  /** Begins to keep a file, or goes on where an earlier download of it ended. */
  begin(file: HubFile, options?: ReadOptions): Promise<PartialFile>;
  /** What the revision was when a hub was last asked, as far as its files are here. */
  recall(model: string, revision: string): Promise<HubListing | undefined>;
  /** Notes what a revision is now. */
  remember(model: string, revision: string, listing: HubListing): Promise<void>;
  /** The models that are here, by name. */
  list(): Promise<CachedModel[]>;
  /** Holds each file of a model against the hash it was published with. Deletes nothing. */
  verify(model: string, options?: VerifyOptions): Promise<CheckedFile[]>;
  /** Deletes a model. Resolves to whether it was there. */
  remove(model: string): Promise<boolean>;
}
