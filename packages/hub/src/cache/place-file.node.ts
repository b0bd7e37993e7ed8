/** Small files of the cache, which appear whole or not at all. */
import { copyFile, link, mkdir, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { cacheError } from "./cache-error.node.ts";
import { abandonedFiles, ownedName } from "./owned-name.node.ts";

/** Within a model's folder: what is being made. Other tools do not look there. */
const WORKSHOP = "blackmamba-tmp";

/** A link to the blob, or where the system allows none, another name for it or a copy. */
export async function placeLink(modelFolder: string, blob: string, at: string): Promise<void> {
  const target = relative(dirname(at), blob);
  try {
    await mkdir(dirname(at), { recursive: true });
    if ((await readlink(at).catch(() => undefined)) === target) return;
    await symlink(target, at).catch(async (error: NodeJS.ErrnoException) => {
      const make = (path: string) =>
        error.code === "EEXIST" ? symlink(target, path) : link(blob, path).catch(() => copyFile(blob, path));
      await place(modelFolder, at, make);
    });
  } catch (cause) {
    throw cacheError(at, "linked", cause);
  }
}

/** A text. */
export async function placeText(modelFolder: string, at: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(at), { recursive: true });
    await place(modelFolder, at, (path) => writeFile(path, text));
  } catch (cause) {
    throw cacheError(at, "written", cause);
  }
}

/** Makes a file elsewhere, and puts it where it belongs. */
async function place(modelFolder: string, at: string, make: (path: string) => Promise<void>): Promise<void> {
  const workshop = join(modelFolder, WORKSHOP);
  await mkdir(workshop, { recursive: true });
  for (const { path } of await abandonedFiles(workshop, "file")) await rm(path, { force: true });
  const own = join(workshop, ownedName("file"));
  try {
    await make(own);
    await moveTo(own, at);
  } finally {
    await rm(own, { force: true });
  }
}

/** Gives a file its name. Another process may have been faster, and where files cannot be replaced while they are open, its is kept. */
export async function moveTo(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
    const isOpen = error.code === "EPERM" || error.code === "EACCES" || error.code === "EBUSY";
    const [moved, there] = await Promise.all([from, to].map((path) => stat(path).catch(() => undefined)));
    if (!isOpen || !moved || !there?.isFile() || there.size !== moved.size) throw error;
    await rm(from, { force: true });
  });
}
