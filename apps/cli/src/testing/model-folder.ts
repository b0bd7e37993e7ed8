/** Folders with a small model, whole or damaged. For tests only. */
import { copyFile, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "@blackmamba/checkpoint";
import { openFile } from "@blackmamba/checkpoint/node";

const golden = fileURLToPath(new URL("../../../../fixtures/golden/blackmamba", import.meta.url));

/** A tokenizer of two words, for a model whose own has none. */
const TOKENIZER = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: null,
  model: { type: "WordLevel", vocab: { Hi: 0, "[UNK]": 1 }, unk_token: "[UNK]" },
};

/** Makes a folder with a model that loads, and returns its path. */
export async function createModelFolder(path: string): Promise<string> {
  await mkdir(path);
  for (const file of ["config.json", "pytorch_model.bin"]) await copyFile(join(golden, file), join(path, file));
  await writeFile(join(path, "tokenizer.json"), JSON.stringify(TOKENIZER));
  return path;
}

/** Changes keys of `config.json`; those that are `undefined` are left out. */
export async function changeConfig(folder: string, changes: object): Promise<void> {
  const path = join(folder, "config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...config, ...changes }));
}

/** Writes `replacement` over the beginning of the first `text` in `pytorch_model.bin`, which keeps its length. */
export async function overwriteInWeights(folder: string, text: string, replacement: string): Promise<void> {
  const path = join(folder, "pytorch_model.bin");
  const bytes = await readFile(path);
  const at = bytes.indexOf(text, 0, "latin1");
  if (at < 0) throw new Error(`${path} does not hold ${JSON.stringify(text)}`);
  bytes.write(replacement, at, "latin1");
  await writeFile(path, bytes);
}

/** Gives the model a vocabulary of this size, and weights that are zero: a sparse file of float32. Returns the folder. */
export async function growVocabulary(folder: string, vocab: number): Promise<string> {
  const checkpoint = await openCheckpoint(await openFile(join(folder, "pytorch_model.bin")));
  const header: Record<string, object> = {};
  let end = 0;
  for (const { name, shape } of checkpoint.tensors.values()) {
    const grown = name.startsWith("embedding.") ? [vocab, ...shape.slice(1)] : shape;
    const start = end;
    end += 4 * grown.reduce((count, size) => count * size, 1);
    header[name] = { dtype: "F32", shape: grown, data_offsets: [start, end] };
  }
  await checkpoint.close();
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const file = await open(join(folder, "model.safetensors"), "w");
  await file.write(Buffer.concat([prefix, json]));
  await file.truncate(8 + json.length + end);
  await file.close();
  await rm(join(folder, "pytorch_model.bin"));
  await changeConfig(folder, { vocab_size: vocab });
  return folder;
}
