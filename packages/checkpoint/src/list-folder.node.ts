/**
 * What files a folder holds, in Node: how a model that is given as a folder is found.
 */
import { readdir, stat } from "node:fs/promises";
import { SourceReadError } from "./errors.ts";

/** Whether there is a file at the path, rather than a folder or nothing. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/**
 * Names of a folder's entries, sorted. Throws `SourceReadError` if there is no such folder, or it is a file, or it may not
 * be read.
 */
export async function listFolder(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    const why = found.code === "ENOENT" ? "no such folder" : `it cannot be opened (${found.code ?? found.message})`;
    throw new SourceReadError(path, `${why}; give the path of a folder that holds the model's files`, { cause: found });
  }
  if (!found.isDirectory()) {
    throw new SourceReadError(path, "a folder expected, a file found; give the folder that holds it");
  }
  try {
    return (await readdir(path)).sort();
  } catch (cause) {
    throw new SourceReadError(path, `the folder may not be read (${(cause as Error).message})`, { cause });
  }
}
