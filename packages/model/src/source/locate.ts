/**
 * Where a model is, told by a text: a path, an address, or a name on a hub. A web page gets only the code for what it was given.
 * Not here: files at hand, see `files.ts`.
 */
import type { FileFolder } from "@blackmamba/checkpoint";
import type { FetchProgress, HubOptions } from "@blackmamba/hub";
import { locatePath, refusePath } from "#path";

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
  if (/^https?:\/\//i.test(source)) {
    const { locateUrl } = await import("./locate-url.ts");
    return locateUrl(source, { fetch: hub?.fetch, signal });
  }
  const found = await locatePath(source, signal);
  if (found) return found;
  const { locateOnHub } = await import("./locate-on-hub.ts");
  return (await locateOnHub(source, { ...hub, onProgress: onFetch, signal })) ?? refusePath(source);
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
