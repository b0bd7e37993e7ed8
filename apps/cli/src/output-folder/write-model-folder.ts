/**
 * Writes a model's files to a folder, all or none: on an error or an abort, or if the process is killed, the folder is as it was.
 * Not here: what the files hold.
 */
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { ByteSink } from "@blackmamba/checkpoint";
import { createFileSink } from "@blackmamba/checkpoint/node";
import { OutputError } from "../errors.ts";
import { ENTRIES, hidingFile, OTHER_FILES, replacedWeights, type WeightsFormat } from "./model-names.ts";
import { createStaging, placeStaged, recoverStaging, removeStaging, writeWhole } from "./staging.ts";

/** Options of {@link writeModelFolder}. */
export interface WriteModelFolderOptions {
  readonly format: WeightsFormat;
  /** Whether a model that is there already may be overwritten. */
  readonly force: boolean;
  /** The other files, by name. Called before anything is written: source and target may be the same folder. */
  others(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Looked at once more before the files take their places, which nothing interrupts. */
  readonly signal: AbortSignal;
}

/**
 * @param folder - made if it is not there
 * @param write - writes the weights, to a sink for each file
 * @throws OutputError where something would be lost, or hide what is written; and what `write` throws
 */
export async function writeModelFolder<T>(
  folder: string,
  { format, force, others, signal }: WriteModelFolderOptions,
  write: (open: (name: string) => Promise<ByteSink>) => Promise<T>,
): Promise<T> {
  await recoverStaging(folder);
  await checkFolder(folder, format, force);
  const files = await others();
  const firstMade = await makeFolder(folder);
  try {
    const staging = await makeStaging(folder);
    const result = await stage(staging, async () => {
      const written = await write((name) => createFileSink(join(staging, name)));
      for (const [name, bytes] of files) await writeWhole(join(staging, name), bytes);
      signal.throwIfAborted();
      return written;
    });
    await placeStaged(folder, staging, format);
    return result;
  } catch (error) {
    if (firstMade !== undefined) await removeEmptyFolders(folder, firstMade);
    throw error;
  }
}

async function stage<T>(staging: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    await removeStaging(staging);
    throw error;
  }
}

/** Refuses a folder in which something would be lost, or hide what is written. */
async function checkFolder(folder: string, format: WeightsFormat, force: boolean): Promise<void> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    const found = error.code === "ENOTDIR" ? "a file" : `it cannot be read (${error.message})`;
    throw new OutputError(folder, `a folder expected, found ${found}; name another folder`);
  });
  const other = hidingFile(format, files);
  if (other !== undefined) {
    const found = `${other} found, which would be loaded in its place`;
    throw new OutputError(folder, `a folder for ${ENTRIES[format]} expected, ${found}; name another folder`);
  }
  const existing = [...replacedWeights(format, files), ...OTHER_FILES.filter((name) => files.includes(name))];
  if (existing.length === 0 || force) return;
  const found = `${existing.join(", ")} found`;
  throw new OutputError(folder, `a folder without a model expected, ${found}; name another, or overwrite with --force`);
}

async function makeStaging(folder: string): Promise<string> {
  try {
    return await createStaging(folder);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OutputError(folder, `expected to write to the folder, found that it cannot be (${why}); name another`, {
      cause,
    });
  }
}

/** The first folder that had to be made, if any. */
async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    return await mkdir(folder, { recursive: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OutputError(folder, `the folder could not be made (${why}); name another`, { cause });
  }
}

/** From the folder up to the first that was made, as long as they are empty. */
async function removeEmptyFolders(folder: string, firstMade: string): Promise<void> {
  const last = resolve(firstMade);
  for (let at = resolve(folder); ; at = dirname(at)) {
    const isRemoved = await rmdir(at).then(
      () => true,
      () => false,
    );
    if (!isRemoved || at === last) return;
  }
}
