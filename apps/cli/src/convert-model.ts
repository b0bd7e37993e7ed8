/**
 * From a model on the disk to another one: which files there are, where they go, and that nothing is lost or left over.
 * What becomes of the weights is the library's matter.
 */
import { mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createFileSink, openFile } from "@blackmamba/checkpoint/node";
import { type ConvertedWeights, type ConvertOptions, convertWeights } from "@blackmamba/model";
import { OutputError } from "./errors.ts";
import type { ConvertedModel, ConvertModelOptions } from "./library.ts";
import type { Format } from "./options.ts";

/** What is written, and what would be loaded in its place. */
const WEIGHTS: Readonly<Record<Format, { readonly file: string; readonly hiddenBy: readonly string[] }>> = {
  safetensors: { file: "model.safetensors", hiddenBy: ["pytorch_model.bin"] },
  gguf: {
    file: "model.gguf",
    hiddenBy: [
      "pytorch_model.bin",
      "model.safetensors",
      "model.safetensors.index.json",
      "pytorch_model.bin.index.json",
    ],
  },
};

/** A model's files beside its weights; the first is required. */
const OTHER_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"] as const;

/**
 * Writes `model.safetensors` or `model.gguf` into the folder and copies `config.json` and the tokenizer's files to it.
 *
 * @param source - a model's folder, or its weights' file with the other files beside it
 * @param folder - made if it is not there; on an error or an abort it is as it was before
 */
export async function convertModel(
  source: string,
  folder: string,
  { format, quantize, force, signal, onProgress }: ConvertModelOptions,
): Promise<ConvertedModel> {
  await checkOutput(folder, format, force);
  const isFile = await stat(source).then(
    (found) => found.isFile(),
    () => false,
  );
  const others = await readOthers(isFile ? dirname(source) : source);
  const path = join(folder, WEIGHTS[format].file);
  const firstMade = await makeFolder(folder);
  try {
    const converted = await convertFile(source, path, { format, quantize, signal, onProgress });
    for (const [name, bytes] of others) await writeFile(join(folder, name), bytes);
    return { path, ...converted };
  } catch (error) {
    if (firstMade !== undefined) await removeEmptyFolders(folder, firstMade);
    throw error;
  }
}

async function convertFile(source: string, path: string, options: ConvertOptions): Promise<ConvertedWeights> {
  const sink = await createFileSink(path);
  try {
    return await convertWeights(source, sink, options);
  } catch (error) {
    await sink.abort(error).catch(() => {});
    throw error;
  }
}

/** Refuses a folder in which something would be lost, or hide what is written. */
async function checkOutput(folder: string, format: Format, force: boolean): Promise<void> {
  const { file, hiddenBy } = WEIGHTS[format];
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    const found = error.code === "ENOTDIR" ? "a file" : `it cannot be read (${error.message})`;
    throw new OutputError(folder, `a folder expected, found ${found}; name another folder`);
  });
  const other = files.find(
    (name) => hiddenBy.includes(name) || (format === "gguf" && name.endsWith(".gguf") && name !== file),
  );
  if (other !== undefined) {
    const found = `${other} found, which would be loaded in its place`;
    throw new OutputError(folder, `a folder for ${file} expected, ${found}; name another folder`);
  }
  const existing = [file, ...OTHER_FILES].filter((name) => files.includes(name));
  if (existing.length === 0 || force) return;
  const found = `${existing.join(", ")} found`;
  throw new OutputError(folder, `a folder without a model expected, ${found}; name another, or overwrite with --force`);
}

/** Read before anything is written: source and target may be the same folder. */
async function readOthers(folder: string): Promise<Map<string, Uint8Array>> {
  // Where the folder cannot be listed, the library tells why.
  const files = await readdir(folder).catch((): string[] => []);
  const read = new Map<string, Uint8Array>();
  for (const name of OTHER_FILES.filter((each) => files.includes(each))) {
    const source = await openFile(join(folder, name));
    try {
      read.set(name, await source.read(0, source.byteLength));
    } finally {
      await source.close?.();
    }
  }
  return read;
}

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  const sink = await createFileSink(path);
  try {
    await sink.write(bytes);
    await sink.close();
  } catch (error) {
    await sink.abort(error).catch(() => {});
    throw error;
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
