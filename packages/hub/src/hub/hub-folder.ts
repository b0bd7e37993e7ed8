/**
 * A model on a hub as a folder of files: from the cache where they are there, else fetched into it and read meanwhile.
 */
import type { ByteSource, FileFolder } from "@blackmamba/checkpoint";
import { host } from "#host";
import type { FileCache } from "../cache/file-cache.ts";
import type { HubFile, HubListing } from "../cache/hub-file.ts";
import { Download, type FetchProgress } from "../download/download.ts";
import { ConnectionError, HashMismatchError, HubNotFoundError, ResponseError } from "../errors.ts";
import { memoryFile } from "../host/memory-file.ts";
import { type HubName, parseHubName } from "./hub-name.ts";
import { authorization, type HubAccess, listRevision } from "./list-revision.ts";

/** Options of {@link openHubFolder}. */
export interface HubOptions {
  /** Address of the hub. Default: `HF_ENDPOINT` of the environment, else `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  /** Access token for private and gated models; `""` for none. Default: `HF_TOKEN`, else the one that `hf auth login` saved. */
  readonly token?: string | undefined;
  /** Folder of the cache; default: the standard one (`HF_HUB_CACHE`). In a browser, a name within the origin's files. */
  readonly cacheFolder?: string | undefined;
  /** Uses only what is in the cache. Default: as `HF_HUB_OFFLINE` says. */
  readonly isOffline?: boolean | undefined;
  /** In place of the global `fetch`, for proxies and tests. */
  readonly fetch?: typeof fetch | undefined;
  /** A connection on which nothing comes for so long is given up for another. Default: 30,000 ms. */
  readonly silenceMs?: number | undefined;
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
 * @throws HubNameError, HubNotFoundError, ConnectionError, ResponseError; reading a file also HttpStatusError, HashMismatchError,
 * CacheError
 */
export async function openHubFolder(name: string, options: HubOptions = {}): Promise<FileFolder> {
  const hubName = parseHubName(name);
  options.signal?.throwIfAborted();
  const settings = await host.hubSettings();
  const access = {
    endpoint: options.endpoint?.replace(/\/+$/, "") ?? settings.endpoint,
    token: options.token ?? settings.token,
    fetch: options.fetch,
    silenceMs: options.silenceMs,
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
      signal?.throwIfAborted();
      const file = files.get(path);
      if (!file)
        throw new HubNotFoundError(
          `${name}/${path}`,
          `the model has no such file, but ${[...files.keys()].join(", ") || "none at all"}; check the file's name`,
        );
      const cached = await cache?.open(file);
      return cached ?? createDownload(file, access, cache, options);
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
        // Of what a hub refuses, nothing is shown from the cache either. A network's own page in its place is no refusal.
        if (error instanceof ConnectionError || error instanceof ResponseError) return error;
        throw error;
      });
  if (!(asked instanceof Error)) {
    // It is of use later, or to others: no reason to fail, as on a full disk, or in a folder that may only be read.
    await cache?.remember(model, revision, asked).catch(() => {});
    return asked;
  }
  const recalled = await cache?.recall(model, revision);
  if (recalled) return recalled;
  if (asked instanceof ResponseError) throw asked;
  throw new ConnectionError(name, `it is not in the cache, and ${asked.reason}`, { cause: asked });
}

function createDownload(
  file: HubFile,
  { endpoint, token, fetch }: HubAccess,
  cache: FileCache | undefined,
  { onProgress, silenceMs }: Pick<HubOptions, "onProgress" | "silenceMs">,
): ByteSource {
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
      silenceMs,
      byteLength,
      isHashed: true,
    },
    begin: async (signal) => (cache ? cache.begin(file, { signal }) : memoryFile()),
    check: { update: (bytes) => hasher.update(bytes), verify },
    onProgress,
  });
}
