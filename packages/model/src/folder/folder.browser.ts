/**
 * Folders and files, in a browser: there are none. Chosen by the `#folder` entry of package.json, so that no bundle has
 * to leave out Node's modules.
 */
import type { ByteSource } from "@blackmamba/checkpoint";
import { ModelFileError } from "../errors.ts";

/** Never: a browser knows no paths. */
export async function isFile(_path: string): Promise<boolean> {
  return false;
}

/** Refuses: a browser knows no paths. */
export async function listFolder(path: string): Promise<string[]> {
  throw new ModelFileError(
    `${path}: folders can only be loaded in Node; give the files themselves, as load({ config, weights, tokenizer })`,
  );
}

/** Refuses: a browser knows no paths. */
export async function openFile(path: string): Promise<ByteSource> {
  throw new ModelFileError(`${path}: files can only be opened in Node; give them as Blobs`);
}
