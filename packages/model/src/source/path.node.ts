/** What lies at a path, in Node. Chosen by the `#path` entry of package.json. */
import { isFile, listFolder, openFile } from "@blackmamba/checkpoint/node";
import type { Located } from "./locate.ts";

/** The folder at a path, or the file at it with the folder that it is in. Nothing where there is neither. */
export async function locatePath(path: string, _signal?: AbortSignal): Promise<Located | undefined> {
  const isOne = await isFile(path);
  const folder = isOne ? (/^(.*)[\\/][^\\/]*$/.exec(path)?.[1] ?? ".") : path.replace(/[\\/]+$/, "");
  const at = folder === "" ? "/" : folder;
  if (!isOne && !(await listFolder(at).catch(() => undefined))) return undefined;
  const file = isOne ? path.replace(/^.*[\\/]/, "") : undefined;
  return {
    folder: {
      name: path,
      isListed: true,
      list: () => listFolder(at),
      open: (name) => openFile(name === file ? path : `${folder}/${name}`),
    },
    file,
  };
}

/** Says why there is nothing at the path. */
export async function refusePath(path: string): Promise<never> {
  await listFolder(path);
  throw new Error(`${path} was not there a moment ago`);
}
