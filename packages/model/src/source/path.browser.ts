/** What lies at a path, in a browser: on the page's own server. Chosen by the `#path` entry of package.json. */
import { ModelFileError } from "../errors.ts";
import { type Located, locateUrl } from "./locate.ts";

/** The folder or file at an address relative to the page, if it is written as one. */
export async function locatePath(path: string, signal: AbortSignal | undefined): Promise<Located | undefined> {
  return /^\.{0,2}\//.test(path) ? locateUrl(new URL(path, location.href).href, { signal }) : undefined;
}

/** Refuses: a browser knows no paths. */
export async function refusePath(path: string): Promise<never> {
  throw new ModelFileError(
    `${path}: folders can only be loaded in Node; give an address that begins with "https://", "/" or "./", the name of a ` +
      "model on a hub, or the files themselves, as load({ config, weights, tokenizer })",
  );
}
