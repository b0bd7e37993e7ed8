/** What lies at a path, in a browser: on the page's own server. Chosen by the `#path` entry of package.json. */
import { ModelFileError } from "../errors.ts";
import type { Located } from "./locate.ts";
import { pageAddress } from "./page-address.ts";

/** The folder or file at an address relative to the page, if it is written as one. */
export async function locatePath(path: string, signal: AbortSignal | undefined): Promise<Located | undefined> {
  const url = pageAddress(path);
  if (url === undefined) return undefined;
  const { locateUrl } = await import("./locate-url.ts");
  return locateUrl(url, { signal });
}

/** Refuses: a browser knows no paths. */
export async function refusePath(path: string): Promise<never> {
  throw new ModelFileError(
    `${path}: folders can only be loaded in Node; give an address that begins with "https://", "/" or "./", the name of a ` +
      "model on a hub, or the files themselves, as load({ config, weights, tokenizer })",
  );
}
