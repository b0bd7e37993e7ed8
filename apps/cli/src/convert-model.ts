/**
 * From a model on the disk to another one: which files there are, and where they go. What becomes of the weights is the library's
 * matter.
 */
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openFile } from "@blackmamba/checkpoint/node";
import { convertWeights } from "@blackmamba/model";
import type { ConvertedModel, ConvertModelOptions } from "./library.ts";
import { OTHER_FILES } from "./output-folder/model-names.ts";
import { writeModelFolder } from "./output-folder/write-model-folder.ts";

/**
 * Writes a model's weights to a folder, and copies `config.json` and the tokenizer's files to it.
 *
 * @param source - a model's folder, or its weights' file with the other files beside it
 * @param folder - made if it is not there; on an error or an abort it is as it was before
 */
export async function convertModel(
  source: string,
  folder: string,
  { format, force, signal, ...options }: ConvertModelOptions,
): Promise<ConvertedModel> {
  return writeModelFolder(folder, { format, force, others: () => readOthers(source), signal }, async (open) => {
    const converted = await convertWeights(source, open, { format, signal, ...options });
    return { path: join(folder, converted.files.at(-1) as string), ...converted };
  });
}

async function readOthers(source: string): Promise<Map<string, Uint8Array>> {
  const isFile = await stat(source).then(
    (found) => found.isFile(),
    () => false,
  );
  const folder = isFile ? dirname(source) : source;
  // Where the folder cannot be listed, the library tells why.
  const files = await readdir(folder).catch((): string[] => []);
  const read = new Map<string, Uint8Array>();
  for (const name of OTHER_FILES.filter((each) => files.includes(each))) {
    const opened = await openFile(join(folder, name));
    try {
      read.set(name, await opened.read(0, opened.byteLength));
    } finally {
      await opened.close?.();
    }
  }
  return read;
}
