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
  toByteSource,
} from "@blackmamba/checkpoint";
import { createByteTokenizer, createTokenizer, type Tokenizer, TokenizerError } from "@blackmamba/tokenizer";
import { type ModelConfig, parseConfig } from "../config/config.ts";
import { ModelFileError } from "../errors.ts";
import { redundantNames } from "../weights/weight-table.ts";
import { isFiles, locateFiles } from "./files.ts";
import { type FetchOptions, type Located, locate } from "./locate.ts";
import { openModelFiles } from "./model-files.ts";
import { isBytes, isSource, readJson, TOKENIZER_JSON } from "./read-json.ts";

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

/**
 * A folder, or the weights' file in one: a path (in Node), an address (`https://…`; in a browser also relative to the page), or the
 * name of a model on a hub (`"Zyphra/BlackMamba-1.5B"`, `@revision` behind it). Or a folder's files, as they are chosen or dropped on
 * a page. Or the parts themselves.
 */
export type ModelSource = string | File | ArrayLike<File> | ModelParts;

/** A source's files, opened; nothing large has been read. */
export interface OpenedModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer | undefined;
  /** `tokenizer.json` and `tokenizer_config.json`, parsed, where there are such. */
  readonly tokenizerFiles: TokenizerFiles;
  /**
   * Says that all of the weights will be read, so that what has to be fetched is on its way before it is asked for. Resolves when
   * all of it was found to be right; nothing that was read may be used before.
   */
  complete(): Promise<void>;
}

/** The files that a tokenizer was made of. */
interface TokenizerFiles {
  readonly json?: unknown;
  readonly config?: unknown;
}

/** The published models' (specification, sections 1 and 6): its ids, and what they are padded to at most, by 128. */
const USUAL_TOKENIZER = { model: "EleutherAI/gpt-neox-20b", ids: 50_277, padded: 50_304 };

/** Opens a source. The caller closes the checkpoint. */
export async function openModel(source: ModelSource, options: FetchOptions = {}): Promise<OpenedModel> {
  const { signal } = options;
  const located = await locateSource(source, options);
  let parts = located ? await openModelFiles(located, signal) : (source as ModelParts);
  const name = typeof source === "string" ? source : "model";
  let opened: Checkpoint | undefined;
  // Read beside the weights' header, but what is wrong with it is told after what is wrong with the weights.
  const readingTokenizer = readTokenizer(parts, signal);
  readingTokenizer.catch(() => {});
  try {
    opened = await openWeights(parts, signal);
    const config = await readConfig(parts, opened, signal);
    let tokenizerFiles = await readingTokenizer;
    if (!parts.tokenizer) {
      parts = { ...parts, ...(await openUsualTokenizer(located, config, signal)) };
      tokenizerFiles = await readTokenizer(parts, signal);
    }
    const tokenizer = await openTokenizer(parts, tokenizerFiles, opened, config);
    const complete = async () => {
      await Promise.all([parts.weights].flat().map((each) => isSource(each) && each.complete?.({ signal })));
    };
    return { name, config, checkpoint: without(opened, redundantNames(config)), tokenizer, tokenizerFiles, complete };
  } catch (error) {
    await opened?.close();
    throw error;
  } finally {
    await readingTokenizer.catch(() => {});
    // The checkpoint closes its own sources; the rest has been read.
    await Promise.all([parts.config, parts.tokenizer, parts.tokenizerConfig, parts.weightsIndex].map(close));
    if (!opened) await Promise.all([parts.weights].flat().map(close));
  }
}

/** The folder of a source; `undefined` for parts. */
async function locateSource(source: ModelSource, options: FetchOptions): Promise<Located | undefined> {
  if (typeof source === "string" && source !== "") return locate(source, options);
  if (isFiles(source)) return locateFiles(source);
  if (typeof source === "object" && source !== null && "weights" in source) return undefined;
  const found = source === "" ? "an empty path" : Array.isArray(source) ? "a list without files" : String(source);
  throw new ModelFileError(
    `model: expected the path of a folder, its files, or { config, weights, tokenizer }, found ${found}`,
  );
}

async function readConfig(
  { config }: ModelParts,
  checkpoint: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<ModelConfig> {
  if ("values" in checkpoint) {
    const { parseGgufConfig } = await import("../config/gguf-config.ts");
    return parseGgufConfig(checkpoint as GgufCheckpoint);
  }
  if (config) return parseConfig(await readJson(config, "config.json", { signal }), nameOf(config, "config.json"));
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
  const index = weightsIndex && parseShardIndex(await readJson(weightsIndex, name, { signal }), name);
  return openShards(weights.map(weightsSource), { index, signal });
}

/** A checkpoint less some tensors that nobody needs. */
function without(checkpoint: Checkpoint, names: readonly string[]): Checkpoint {
  const tensors = new Map(checkpoint.tensors);
  for (const name of names) tensors.delete(name);
  return { ...checkpoint, tensors };
}

/** Where a hub's model comes without a tokenizer, the one that models of its layout were published with. */
async function openUsualTokenizer(
  located: Located | undefined,
  { layout, vocab }: ModelConfig,
  signal: AbortSignal | undefined,
): Promise<Pick<ModelParts, "tokenizer" | "tokenizerConfig">> {
  const isOfLayout = layout === "blackmamba" || layout === "state-spaces";
  const { ids, padded } = USUAL_TOKENIZER;
  if (!located?.neighbour || !isOfLayout || vocab < ids || vocab > padded) return {};
  const folder = await located.neighbour(USUAL_TOKENIZER.model);
  const hasConfig = (await folder.list()).includes("tokenizer_config.json");
  const tokenizer = await folder.open("tokenizer.json", { signal });
  try {
    const tokenizerConfig = hasConfig ? await folder.open("tokenizer_config.json", { signal }) : undefined;
    return { tokenizer, tokenizerConfig };
  } catch (error) {
    await tokenizer.close?.();
    throw error;
  }
}

async function readTokenizer(parts: ModelParts, signal: AbortSignal | undefined): Promise<TokenizerFiles> {
  if (!parts.tokenizer) return {};
  const json = await readJson(parts.tokenizer, "tokenizer.json", { signal, limits: TOKENIZER_JSON });
  const { tokenizerConfig } = parts;
  const config = tokenizerConfig && (await readJson(tokenizerConfig, "tokenizer_config.json", { signal }));
  return { json, config };
}

async function openTokenizer(
  parts: ModelParts,
  { json, config }: TokenizerFiles,
  checkpoint: Checkpoint,
  { layout, vocab }: ModelConfig,
): Promise<Tokenizer | undefined> {
  if (!parts.tokenizer) {
    if ("values" in checkpoint) {
      const { openTokenizerWithin } = await import("./tokenizer-within.ts");
      return openTokenizerWithin(checkpoint as GgufCheckpoint);
    }
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

function weightsSource(from: ByteSourceLike): ByteSource {
  if (isBytes(from)) return toByteSource(from, from instanceof File ? from.name : "weights");
  throw new ModelFileError(
    `weights: expected a Blob, bytes or a range source, found ${typeof from}; a path is given as load(folder)`,
  );
}

function nameOf(from: unknown, fallback: string): string {
  return isSource(from) ? from.name : fallback;
}

async function close(from: unknown): Promise<void> {
  if (isSource(from)) await from.close?.();
}
