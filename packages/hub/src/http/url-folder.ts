/** A folder on any server. Nobody can list it, so it is asked for the names that matter. */
import type { FileFolder } from "@blackmamba/checkpoint";
import { HttpStatusError } from "../errors.ts";
import { openUrl, type UrlOptions } from "./open-url.ts";

/**
 * Opens a folder on a server.
 *
 * @param url - of the folder, or of a file in it
 * @param names - of files that may be there; a web page in the place of one is none
 */
export function openUrlFolder(url: string, names: readonly string[], options: UrlOptions = {}): FileFolder {
  const folder = new URL(".", /[^/]*\.[^/]*$/.test(new URL(url).pathname) ? url : `${url.replace(/\/*$/, "")}/`);
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

async function exists(url: string, { fetch: given, headers, signal }: UrlOptions): Promise<boolean> {
  const response = await (given ?? fetch)(url, { method: "HEAD", headers: { ...headers }, signal: signal ?? null });
  await response.body?.cancel();
  if (response.ok) return !(response.headers.get("Content-Type") ?? "").startsWith("text/html");
  if (response.status === 404 || response.status === 410 || response.status === 403) return false;
  throw new HttpStatusError(url, response.status, "try again later, or ask who runs it");
}
