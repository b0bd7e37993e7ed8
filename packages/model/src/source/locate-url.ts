/**
 * A model at an address: a folder on any server, or a file in one.
 */
import type { FileFolder } from "@blackmamba/checkpoint";
import { openUrl, openUrlFolder, type UrlOptions } from "@blackmamba/hub";
import type { Located } from "./locate.ts";
import { MODEL_FILES } from "./model-files.ts";

/** A folder on a server, or a file in one. */
export function locateUrl(url: string, options: UrlOptions): Located {
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
