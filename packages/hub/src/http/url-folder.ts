/** A folder on any server. Nobody can list it, so it is asked for the names that matter. */
import type { FileFolder } from "@blackmamba/checkpoint";
import { AddressError, HttpStatusError } from "../errors.ts";
import { openUrl, type UrlOptions } from "./open-url.ts";
import { request } from "./request.ts";

/** What says that an address is a file's. A folder's name may have a dot, too: `BlackMamba-1.5B`. */
const FILE = /\.(bin|json|safetensors|gguf)$/i;

/**
 * Opens a folder on a server.
 *
 * @param url - of the folder, or of a file in it (`.bin`, `.json`, `.safetensors`, `.gguf`)
 * @param names - of files that may be there; a web page in the place of one is none
 * @throws AddressError; from `list` HttpStatusError, ConnectionError; from `open` as `openUrl`
 */
export function openUrlFolder(url: string, names: readonly string[], options: UrlOptions = {}): FileFolder {
  if (!URL.canParse(url)) throw new AddressError(url);
  const given = new URL(url);
  if (!FILE.test(given.pathname)) given.pathname += "/";
  const folder = new URL(given.pathname.replace(/[^/]*$/, "").replace(/\/+$/, "/"), given);
  const addressOf = (name: string) => new URL(encodeURIComponent(name), folder).href;
  return {
    name: folder.href,
    isListed: false,
    async list() {
      const isThere = await Promise.all(names.map((name) => exists(addressOf(name), options)));
      return names.filter((_, i) => isThere[i]);
    },
    open: (name, { signal } = {}) => openUrl(addressOf(name), { ...options, signal: signal ?? options.signal }),
  };
}

async function exists(url: string, options: UrlOptions): Promise<boolean> {
  const response = await request(url, { url, method: "HEAD", ...options });
  await response.body?.cancel();
  if (response.ok) return !(response.headers.get("Content-Type") ?? "").startsWith("text/html");
  if (response.status === 404 || response.status === 410 || response.status === 403) return false;
  throw new HttpStatusError(url, response.status);
}
