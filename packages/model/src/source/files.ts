/**
 * A model's folder made of `File`s, as a page has them when they are chosen or dropped.
 */
import { type FileFolder, toByteSource } from "@blackmamba/checkpoint";
import { ModelFileError } from "../errors.ts";
import type { Located } from "./locate.ts";

const WEIGHTS = /\.(bin|safetensors|gguf)$/i;

/** Whether this is a `File`, or a list of such. */
export function isFiles(source: unknown): source is File | ArrayLike<File> {
  if (source instanceof File) return true;
  if (typeof source !== "object" || source === null || !("length" in source)) return false;
  const files = Array.from(source as ArrayLike<unknown>);
  return files.length > 0 && files.every((file) => file instanceof File);
}

/**
 * Puts files into a folder. A single file of weights may have any name.
 *
 * @throws ModelFileError for two files of one name
 */
export function locateFiles(source: File | ArrayLike<File>): Located {
  const byName = new Map<string, File>();
  for (const file of source instanceof File ? [source] : Array.from(source)) {
    if (byName.has(file.name)) {
      throw new ModelFileError(
        `${file.name}: expected the files of one model, found two of this name; give those of one folder`,
      );
    }
    byName.set(file.name, file);
  }
  const names = [...byName.keys()];
  const [weights, ...others] = names.filter((name) => WEIGHTS.test(name));
  const folder: FileFolder = {
    name: names.join(", "),
    isListed: true,
    list: async () => names,
    open: async (name) => toByteSource(byName.get(name) as File),
  };
  return { folder, file: others.length === 0 ? weights : undefined };
}
