/**
 * Where a model is, told by a text: a path, an address, or a name on a hub. Not here: files at hand, see `files.ts`.
 */
import type { FileFolder } from "@blackmamba/checkpoint";
import type { FetchProgress, HubOptions, UrlOptions } from "@blackmamba/hub";
import { locatePath, refusePath } from "#path";
import { ModelFileError } from "../errors.ts";
import { MODEL_FILES } from "./model-files.ts";

/** A model's folder. */
export interface Located {
  readonly folder: FileFolder;
  /** Its weights' file, where that was named rather than the folder. */
  readonly file?: string | undefined;
  /** Opens another model of the same hub, if it is on one. */
  readonly neighbour?: ((name: string) => Promise<FileFolder>) | undefined;
}

/** How what is not here is reached. */
export interface FetchOptions {
  /** The hub, its cache and its access token; by default as the environment says, see `HubOptions`. */
  readonly hub?: Omit<HubOptions, "signal" | "onProgress"> | undefined;
  /** Called while files come from a hub. */
  readonly onFetch?: ((progress: FetchProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Finds a model's folder. What is here goes before what is on a hub. */
export async function locate(source: string, options: FetchOptions = {}): Promise<Located> {
  const { hub, onFetch, signal } = options;
  if (/^https?:\/\//i.test(source)) return locateUrl(source, { fetch: hub?.fetch, signal });
  const found = await locatePath(source, signal);
  if (found) return found;
  const { isHubName, openHubFolder } = await import("@blackmamba/hub");
  if (!isHubName(source)) return refusePath(source);
  const open = (name: string) => openHubFolder(name, { ...hub, onProgress: onFetch, signal });
  try {
    return { folder: await open(source), neighbour: open };
  } catch (cause) {
    signal?.throwIfAborted();
    // It may have been meant as a path.
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`${source}: there is no such folder here; on the hub: ${message}`, { cause });
  }
}

/**
 * Opens the folder of a model, for its other files.
 *
 * @param source - as `BlackMamba.load` takes it: a path, an address, or a name on a hub; of a file, the folder that it is in
 * @throws ModelFileError, CheckpointError
 */
export async function openModelFolder(source: string, options: FetchOptions = {}): Promise<FileFolder> {
  return (await locate(source, options)).folder;
}

/** A folder on a server, or a file in one. */
export async function locateUrl(url: string, options: UrlOptions): Promise<Located> {
  const { openUrl, openUrlFolder } = await import("@blackmamba/hub");
  const folder = openUrlFolder(url, MODEL_FILES, options);
  const name = decode(new URL(url).pathname.replace(/^.*\//, ""));
  const file = /\.(bin|safetensors|gguf|index\.json)$/.test(name) ? name : undefined;
  if (file === undefined) return { folder };
  // The address as it was given may be signed, which those of its neighbours are not.
  const open: FileFolder["open"] = (each, read) =>
    each === file ? openUrl(url, { ...options, ...read }) : folder.open(each, read);
  return { folder: { ...folder, open }, file };
}

/** What is written in an address as `%20`; of what is not written so, the text as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
