/**
 * The files a model is made of, wherever they come from: a folder, or parts that the caller holds.
 */
import {
  type ByteSource,
  type ByteSourceLike,
  type Checkpoint,
  type GgufCheckpoint,
  openCheckpoint,
  openShards,
  parseShardIndex,
  shardFiles,
  toByteSource,
} from "@blackmamba/checkpoint";
import {
  createByteTokenizer,
  createGgufTokenizer,
  createTokenizer,
  type Tokenizer,
  TokenizerError,
} from "@blackmamba/tokenizer";
import { type ModelConfig, parseConfig } from "./config/config.ts";
import { parseGgufConfig } from "./config/gguf-config.ts";
import { ModelFileError } from "./errors.ts";
import { redundantNames } from "./weights/weight-table.ts";

/** A model's parts, for hosts without folders. Range sources are closed once they have been read. */
export interface ModelParts {
  /** `config.json`: bytes, or parsed. A GGUF file needs none, as it has its own. */
  readonly config?: ByteSourceLike | object | undefined;
  /** `pytorch_model.bin`, `model.safetensors` or a GGUF file; or all files of a model that is in several, in any order. */
  readonly weights: ByteSourceLike | readonly ByteSourceLike[];
  /** `model.safetensors.index.json` or `pytorch_model.bin.index.json`: bytes, or parsed. If given, it has to fit the files. */
  readonly weightsIndex?: ByteSourceLike | object | undefined;
  /**
   * `tokenizer.json`: bytes, or parsed. Without it, prompts are ids and results have no text; but a GGUF file may have its own, and
   * a MambaByte has bytes for a tokenizer.
   */
  readonly tokenizer?: ByteSourceLike | object | undefined;
  /** `tokenizer_config.json`: bytes, or parsed. Says which token starts a prompt and which ends a text. */
  readonly tokenizerConfig?: ByteSourceLike | object | undefined;
}

/** The path of a folder, or of the weights' file in one (Node only); or the parts themselves. */
export type ModelSource = string | ModelParts;

/** A source's files, opened; nothing large has been read. */
export interface OpenedModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer | undefined;
  /** `tokenizer.json` and `tokenizer_config.json`, parsed, where there are such. */
  readonly tokenizerFiles: TokenizerFiles;
}

/** The files that a tokenizer was made of. */
interface TokenizerFiles {
  readonly json?: unknown;
  readonly config?: unknown;
}

/** Names of the weights' file, the published layout's first; then those of an index of several. */
const WEIGHTS_FILES = ["pytorch_model.bin", "model.safetensors"];
const INDEX_FILES = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];

/** The weights' file that is read of these, unless it is a GGUF. */
function weightsOf(files: readonly string[]): string | undefined {
  return [...WEIGHTS_FILES, ...INDEX_FILES].find((name) => files.includes(name));
}

/** Opens a source. The caller closes the checkpoint. */
export async function openModel(source: ModelSource, signal?: AbortSignal): Promise<OpenedModel> {
  const isParts = typeof source === "object" && source !== null && "weights" in source;
  if (!isParts && (typeof source !== "string" || source === "")) {
    const found = typeof source === "string" ? "an empty path" : String(source);
    throw new ModelFileError(`model: expected the path of a folder, or { config, weights, tokenizer }, found ${found}`);
  }
  const parts = typeof source === "string" ? await openPath(source) : source;
  const name = typeof source === "string" ? source : "model";
  let opened: Checkpoint | undefined;
  try {
    opened = await openWeights(parts, signal);
    const config = await readConfig(parts, opened, signal);
    const tokenizerFiles = await readTokenizer(parts, signal);
    const tokenizer = openTokenizer(parts, tokenizerFiles, opened, config);
    return { name, config, checkpoint: without(opened, redundantNames(config)), tokenizer, tokenizerFiles };
  } catch (error) {
    await opened?.close();
    throw error;
  } finally {
    // The checkpoint closes its own sources; the rest has been read.
    await Promise.all([parts.config, parts.tokenizer, parts.tokenizerConfig, parts.weightsIndex].map(close));
    if (!opened) await Promise.all([parts.weights].flat().map(close));
  }
}

async function readConfig(
  { config }: ModelParts,
  checkpoint: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<ModelConfig> {
  if ("values" in checkpoint) return parseGgufConfig(checkpoint as GgufCheckpoint);
  if (config) return parseConfig(await readJson(config, "config.json", signal), nameOf(config, "config.json"));
  throw new ModelFileError(
    `${checkpoint.name}: expected config.json beside it, found none; only a GGUF file has its configuration within`,
  );
}

async function openWeights(
  { weights, weightsIndex }: ModelParts,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  if (!Array.isArray(weights)) return openCheckpoint(weightsSource(weights as ByteSourceLike), { signal });
  const name = nameOf(weightsIndex, "weights index");
  const index = weightsIndex && parseShardIndex(await readJson(weightsIndex, name, signal), name);
  return openShards(weights.map(weightsSource), { index, signal });
}

/** A checkpoint less some tensors that nobody needs. */
function without(checkpoint: Checkpoint, names: readonly string[]): Checkpoint {
  const tensors = new Map(checkpoint.tensors);
  for (const name of names) tensors.delete(name);
  return { ...checkpoint, tensors };
}

/** A model's folder, or its weights' file with the other files beside it. */
async function openPath(path: string): Promise<ModelParts> {
  const { isFile, listFolder, openFile } = await import("#folder");
  const isWeights = await isFile(path);
  const folder = isWeights ? (/^(.*)[\\/][^\\/]*$/.exec(path)?.[1] ?? ".") : path.replace(/[\\/]+$/, "");
  const files = await listFolder(folder === "" ? "/" : folder);
  const required = (expected: string, names: readonly string[]): string => {
    const name = names.find((candidate) => files.includes(candidate));
    if (name) return name;
    throw new ModelFileError(
      `${path}: ${expected} is missing: expected ${names.join(" or ")}, found ${files.join(", ") || "an empty folder"}; ` +
        "give the folder that holds the model's files",
    );
  };
  const ggufFiles = files.filter((name) => name.endsWith(".gguf"));
  const isGguf = isWeights ? path.endsWith(".gguf") : ggufFiles.length === 1 && !weightsOf(files);
  if (!isGguf) required("config.json", ["config.json"]);
  const weightsFile = isWeights
    ? path.replace(/^.*[\\/]/, "")
    : isGguf
      ? (ggufFiles[0] as string)
      : required("the weights' file", [...WEIGHTS_FILES, ...INDEX_FILES]);
  const opened: ByteSource[] = [];
  const open = async (name: string): Promise<ByteSource> => {
    const source = await openFile(isWeights && name === weightsFile ? path : `${folder}/${name}`);
    opened.push(source);
    return source;
  };
  const optional = async (name: string) => (files.includes(name) ? open(name) : undefined);
  /** Opens the index's files; the index, which has to be read for that, as it was parsed. */
  const openIndexed = async () => {
    const source = await open(weightsFile);
    const json = (await readJson(source, weightsFile, undefined)) as object;
    const index = parseShardIndex(json, source.name);
    const missing = shardFiles(index).filter((file) => !files.includes(file));
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
  try {
    return {
      config: isGguf ? undefined : await open("config.json"),
      tokenizer: await optional("tokenizer.json"),
      tokenizerConfig: await optional("tokenizer_config.json"),
      ...(INDEX_FILES.includes(weightsFile) ? await openIndexed() : { weights: await open(weightsFile) }),
    };
  } catch (error) {
    await Promise.all(opened.map(close));
    throw error;
  }
}

async function readTokenizer(parts: ModelParts, signal: AbortSignal | undefined): Promise<TokenizerFiles> {
  if (!parts.tokenizer) return {};
  const json = await readJson(parts.tokenizer, "tokenizer.json", signal);
  const config = parts.tokenizerConfig && (await readJson(parts.tokenizerConfig, "tokenizer_config.json", signal));
  return { json, config };
}

function openTokenizer(
  parts: ModelParts,
  { json, config }: TokenizerFiles,
  checkpoint: Checkpoint,
  { layout, vocab }: ModelConfig,
): Tokenizer | undefined {
  if (!parts.tokenizer) {
    if ("values" in checkpoint) return tokenizerWithin(checkpoint as GgufCheckpoint);
    // A MambaByte: it has as many ids as a byte has values, and no file that says so.
    return layout === "state-spaces" && vocab === 256 ? createByteTokenizer() : undefined;
  }
  try {
    return createTokenizer(json, config);
  } catch (cause) {
    // The tokenizer knows its files by their usual names only; here they have paths.
    if (!(cause instanceof TokenizerError)) throw cause;
    const message = cause.message
      .replace(/^tokenizer\.json/, nameOf(parts.tokenizer, "tokenizer.json"))
      .replace(/^tokenizer_config\.json/, nameOf(parts.tokenizerConfig, "tokenizer_config.json"));
    throw new ModelFileError(message, { cause });
  }
}

function tokenizerWithin({ name, values }: GgufCheckpoint): Tokenizer | undefined {
  try {
    return createGgufTokenizer(values);
  } catch (cause) {
    if (!(cause instanceof TokenizerError)) throw cause;
    throw new ModelFileError(`${name}: ${cause.message}`, { cause });
  }
}

function weightsSource(from: ByteSourceLike): ByteSource {
  if (isBytes(from)) return toByteSource(from, from instanceof File ? from.name : "weights");
  throw new ModelFileError(
    `weights: expected a Blob, bytes or a range source, found ${typeof from}; a path is given as load(folder)`,
  );
}

/** Parses a JSON file; what is parsed already is returned as it is. */
async function readJson(
  from: ByteSourceLike | object,
  name: string,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!isBytes(from)) return from;
  const source = toByteSource(from, name);
  const bytes = await source.read(0, source.byteLength, { signal });
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const found = `something else (${(cause as Error).message})`;
    throw new ModelFileError(`${source.name}: expected JSON, found ${found}; mend it, or download it again`, { cause });
  }
}

function isBytes(from: ByteSourceLike | object): from is ByteSourceLike {
  return from instanceof Blob || from instanceof ArrayBuffer || from instanceof Uint8Array || isSource(from);
}

function isSource(from: unknown): from is ByteSource {
  return typeof from === "object" && from !== null && "read" in from && typeof from.read === "function";
}

function nameOf(from: unknown, fallback: string): string {
  return isSource(from) ? from.name : fallback;
}

async function close(from: unknown): Promise<void> {
  if (isSource(from)) await from.close?.();
}
