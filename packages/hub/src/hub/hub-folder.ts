/**
 * A model on a hub as a folder of files: from the cache where they are there, else fetched into it and read meanwhile.
 */
import type { ByteSource, FileFolder, ReadOptions } from "@blackmamba/checkpoint";
import { host } from "#host";
import type { FileCache } from "../cache/file-cache.ts";
import type { HubFile, HubListing } from "../cache/hub-file.ts";
import { Download, type FetchProgress } from "../download/download.ts";
import { ConnectionError, HashMismatchError, HubNotFoundError } from "../errors.ts";
import { memoryFile } from "../host/memory-file.ts";
import { type HubName, parseHubName } from "./hub-name.ts";
import { authorization, type HubAccess, listRevision } from "./list-revision.ts";

/** Options of {@link openHubFolder}. */
export interface HubOptions {
  /** Address of the hub. Default: `HF_ENDPOINT` of the environment, else `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  /** Access token for private and gated models. Default: `HF_TOKEN`, else the one that `hf auth login` saved. */
  readonly token?: string | undefined;
  /** Folder of the cache; default: the standard one (`HF_HUB_CACHE`). In a browser, a name within the origin's files. */
  readonly cacheFolder?: string | undefined;
  /** Uses only what is in the cache. Default: as `HF_HUB_OFFLINE` says. */
  readonly isOffline?: boolean | undefined;
  /** In place of the global `fetch`, for proxies and tests. */
  readonly fetch?: typeof fetch | undefined;
  /** Called whenever bytes have come. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a model on a hub. Nothing large is fetched before it is read.
 *
 * Where the hub cannot be reached, the cache is what there is; a file that is in the cache is not fetched again.
 *
 * @param name - such as `"Zyphra/BlackMamba-1.5B"`, or with `@` and a branch, tag or commit behind it
 * @throws HubNameError, HubNotFoundError, ConnectionError, CacheError
 */
export async function openHubFolder(name: string, options: HubOptions = {}): Promise<FileFolder> {
  const hubName = parseHubName(name);
  options.signal?.throwIfAborted();
  const settings = await host.hubSettings();
  const access = {
    endpoint: options.endpoint?.replace(/\/+$/, "") ?? settings.endpoint,
    token: options.token ?? settings.token,
    fetch: options.fetch,
  };
  const cache = await host.openCache(options.cacheFolder);
  const isOffline = options.isOffline ?? settings.isOffline;
  const listing = await findListing(name, hubName, { access, cache, isOffline, signal: options.signal });
  const files = new Map(listing.files.map((file) => [file.path, file]));
  return {
    name,
    isListed: true,
    list: async () => [...files.keys()].sort(),
    async open(path, { signal } = {}) {
      const file = files.get(path);
      if (!file)
        throw new HubNotFoundError(
          `${name}/${path}`,
          `the model has no such file, but ${[...files.keys()].join(", ")}`,
        );
      const cached = await cache?.open(file);
      return cached ?? startDownload(file, access, cache, { signal, onProgress: options.onProgress });
    },
  };
}

interface FindOptions {
  readonly access: HubAccess;
  readonly cache: FileCache | undefined;
  readonly isOffline: boolean;
  readonly signal: AbortSignal | undefined;
}

/** As the hub has it now, or where it cannot be asked, as it was. */
async function findListing(
  name: string,
  { model, revision }: HubName,
  { access, cache, isOffline, signal }: FindOptions,
): Promise<HubListing> {
  const asked = isOffline
    ? new ConnectionError(name, "the hub may not be asked (HF_HUB_OFFLINE)")
    : await listRevision({ model, revision }, access, signal).catch((error: unknown) => {
        // Of what a hub refuses, nothing is shown from the cache either.
        if (error instanceof ConnectionError) return error;
        throw error;
      });
  if (!(asked instanceof ConnectionError)) {
    await cache?.remember(model, revision, asked);
    return asked;
  }
  const recalled = await cache?.recall(model, revision);
  if (recalled) return recalled;
  throw new ConnectionError(name, `it is not in the cache, and ${asked.reason}`, { cause: asked });
}

async function startDownload(
  file: HubFile,
  { endpoint, token, fetch }: HubAccess,
  cache: FileCache | undefined,
  { signal, onProgress }: ReadOptions & Pick<HubOptions, "onProgress">,
): Promise<ByteSource> {
  const { model, commit, path, byteLength, hash } = file;
  const name = `${model}/${path}`;
  const hasher = host.createHasher(hash.algorithm, byteLength);
  const verify = () => {
    const found = hasher.hex();
    if (found !== hash.hex) throw new HashMismatchError(name, hash.algorithm, hash.hex, found);
  };
  return new Download({
    file: {
      name,
      url: `${endpoint}/${model}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`,
      headers: authorization(token),
      fetch,
      byteLength,
      isHashed: true,
    },
    partial: cache ? await cache.begin(file, { signal }) : memoryFile(),
    check: { update: (bytes) => hasher.update(bytes), verify },
    onProgress,
  });
}
