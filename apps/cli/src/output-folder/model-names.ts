/**
 * The names of a model's files, as this command writes them. Which of several weights' files is read is the library's matter
 * (`source/model-files.ts` of `@blackmamba/model`); what is here follows from that.
 */

/** What a model's weights are written as. */
export type WeightsFormat = "safetensors" | "gguf" | "bin";

const BIN = "pytorch_model.bin";
const SAFETENSORS = "model.safetensors";
/** Names the parts, where there are several. */
const INDEX = "model.safetensors.index.json";
const GGUF = "model.gguf";
const BIN_INDEX = "pytorch_model.bin.index.json";

/** A model's files beside its weights; the first is required. */
export const OTHER_FILES: readonly string[] = ["config.json", "tokenizer.json", "tokenizer_config.json"];

const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;

/** The file that makes a folder's files a model: that of all weights, or the index of several. */
export function isEntry(name: string): boolean {
  return name === BIN || name === SAFETENSORS || name === INDEX || name === GGUF;
}

/** Whether the name is that of one of several weights' files. */
export function isShard(name: string): boolean {
  return SHARD.test(name);
}

/** The weights' file that is written where there is one only. */
export const ENTRIES: Readonly<Record<WeightsFormat, string>> = { bin: BIN, safetensors: SAFETENSORS, gguf: GGUF };

/** Of a folder's files, one that would be loaded in place of what is written, and that no one but its owner may remove. */
export function hidingFile(format: WeightsFormat, files: readonly string[]): string | undefined {
  const hiding: Readonly<Record<WeightsFormat, readonly string[]>> = {
    bin: [],
    safetensors: [BIN],
    gguf: [BIN, SAFETENSORS, INDEX, BIN_INDEX],
  };
  return files.find(
    (name) => hiding[format].includes(name) || (format === "gguf" && name.endsWith(".gguf") && name !== GGUF),
  );
}

/**
 * Of a folder's files, the weights of the model that is replaced: none of them may stay beside the new ones, where it might be
 * loaded in their place, or go on taking up room. In the order in which they are removed.
 */
export function replacedWeights(format: WeightsFormat, files: readonly string[]): string[] {
  if (format === "gguf") return files.filter((name) => name === GGUF);
  const own = format === "bin" ? [BIN, SAFETENSORS, INDEX] : [SAFETENSORS, INDEX];
  const shards = files.includes(INDEX) ? files.filter(isShard) : [];
  return [...own.filter((name) => files.includes(name)), ...shards];
}
