/**
 * Which of a folder's files are the model's, wherever the folder is.
 */
import { type ByteSource, parseShardIndex, shardFiles } from "@blackmamba/checkpoint";
import { ModelFileError } from "../errors.ts";
import type { Located } from "./locate.ts";
import type { ModelParts } from "./open-model.ts";
import { readJson } from "./read-json.ts";

/** Names of the weights' file, the published layout's first; then those of an index of several. */
const WEIGHTS_FILES = ["pytorch_model.bin", "model.safetensors"];
const INDEX_FILES = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];

/** What a model's folder may hold, but for files that only an index names and GGUF files of any name. */
export const MODEL_FILES = [
  ...["config.json", "tokenizer.json", "tokenizer_config.json"],
  ...WEIGHTS_FILES,
  ...INDEX_FILES,
  "model.gguf",
];

/** Opens the files of a model. When that fails, none stays open. */
export async function openModelFiles(located: Located, signal: AbortSignal | undefined): Promise<ModelParts> {
  const { folder } = located;
  const files = await folder.list();
  const weightsFile = weightsFileOf(located, files);
  const isGguf = weightsFile.endsWith(".gguf");
  if (!isGguf) requireFile(located, files, "config.json", ["config.json"]);

  const opening: Promise<ByteSource>[] = [];
  const open = (name: string): Promise<ByteSource> => {
    const source = folder.open(name, { signal });
    opening.push(source);
    return source;
  };
  const optional = async (name: string) => (files.includes(name) ? open(name) : undefined);
  /** Opens the index's files; the index, which has to be read for that, once more by whoever asks for it. */
  const openIndexed = async () => {
    const source = await open(weightsFile);
    const index = parseShardIndex((await readJson(source, weightsFile, { signal })) as object, source.name);
    const missing = folder.isListed ? shardFiles(index).filter((file) => !files.includes(file)) : [];
    if (missing.length > 0) {
      const found = `${missing.length} of ${shardFiles(index).length} files are missing: ${missing.join(", ")}`;
      throw new ModelFileError(
        `${source.name}: expected the files it names beside it, found that ${found}; download them`,
      );
    }
    const weights: ByteSource[] = [];
    for (const file of shardFiles(index)) weights.push(await open(file));
    return { weights, weightsIndex: source };
  };
  // Together: over a network each takes as long as its way there and back.
  const parts = [
    isGguf ? undefined : open("config.json"),
    optional("tokenizer.json"),
    optional("tokenizer_config.json"),
    INDEX_FILES.includes(weightsFile) ? openIndexed() : open(weightsFile).then((weights) => ({ weights })),
  ] as const;
  try {
    const [config, tokenizer, tokenizerConfig, weights] = await Promise.all(parts);
    return { config, tokenizer, tokenizerConfig, ...weights };
  } catch (error) {
    await Promise.allSettled(parts);
    const opened = await Promise.allSettled(opening);
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value.close?.() : undefined)));
    throw error;
  }
}

/** The weights' file that is read of these: the one that was named, or the first by its usual name, or the only GGUF file. */
function weightsFileOf(located: Located, files: readonly string[]): string {
  if (located.file !== undefined) return located.file;
  const usual = [...WEIGHTS_FILES, ...INDEX_FILES];
  const ggufFiles = files.filter((name) => name.endsWith(".gguf"));
  const [gguf] = ggufFiles;
  if (gguf !== undefined && ggufFiles.length === 1 && !usual.some((name) => files.includes(name))) return gguf;
  // What is missing first is what is said.
  requireFile(located, files, "config.json", ["config.json"]);
  return requireFile(located, files, "the weights' file", usual);
}

function requireFile(
  { folder }: Located,
  files: readonly string[],
  expected: string,
  names: readonly string[],
): string {
  const name = names.find((candidate) => files.includes(candidate));
  if (name) return name;
  throw new ModelFileError(
    `${folder.name}: ${expected} is missing: expected ${names.join(" or ")}, found ${files.join(", ") || "an empty folder"}; ` +
      "give the folder that holds the model's files",
  );
}
