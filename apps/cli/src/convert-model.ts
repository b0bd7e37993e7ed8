/**
 * From a model, wherever it lies, to another one on the disk: which files there are, and where they go. What becomes of the weights is the library's
 * matter.
 */
import { join } from "node:path";
import { convertWeights, openModelFolder } from "@blackmamba/model";
import type { ConvertedModel, ConvertModelOptions } from "./library.ts";
import { OTHER_FILES } from "./output-folder/model-names.ts";
import { writeModelFolder } from "./output-folder/write-model-folder.ts";

/**
 * Writes a model's weights to a folder, and copies `config.json` and the tokenizer's files to it.
 *
 * @param source - a model's folder, its weights' file with the other files beside it, an address, or a name on a hub
 * @param folder - made if it is not there; on an error or an abort it is as it was before
 */
export async function convertModel(
  source: string,
  folder: string,
  { format, force, signal, ...options }: ConvertModelOptions,
): Promise<ConvertedModel> {
  return writeModelFolder(folder, { format, force, others: () => readOthers(source, signal), signal }, async (open) => {
    const converted = await convertWeights(source, open, { format, signal, ...options });
    return { path: join(folder, converted.files.at(-1) as string), ...converted };
  });
}

async function readOthers(source: string, signal: AbortSignal): Promise<Map<string, Uint8Array>> {
  const folder = await openModelFolder(source, { signal });
  const files = await folder.list();
  const read = new Map<string, Uint8Array>();
  for (const name of OTHER_FILES.filter((each) => files.includes(each))) {
    const opened = await folder.open(name, { signal });
    try {
      const bytes = await opened.read(0, opened.byteLength, { signal });
      await opened.complete?.({ signal });
      read.set(name, bytes);
    } finally {
      await opened.close?.();
    }
  }
  return read;
}
