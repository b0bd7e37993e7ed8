/**
 * Puts finished files in their places, so that whoever looks at the folder finds the model before or the model after, at every
 * moment, and so that what is interrupted can be finished later: every step may be done twice. Not here: making the files.
 */
import { readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isEntry, isShard, OTHER_FILES, replacedWeights, type WeightsFormat } from "./model-names.ts";

/**
 * - `place`: the file takes its place.
 * - `remove`: a file of the model before goes; there is none of its name to come.
 * - `hide`: a file of the model before goes, and there is one to come; nothing once that has taken its place.
 */
export interface Step {
  readonly act: "place" | "remove" | "hide";
  readonly name: string;
}

/** The files' contents, to tell which change. */
interface Folders {
  readonly folder: string;
  /** Where the finished files are. */
  readonly staging: string;
  readonly targetFiles: readonly string[];
  readonly stagedFiles: readonly string[];
}

/**
 * The steps, in order.
 *
 * A model is seen by one file, its entry; with that the new one appears, or with the removal of an old entry that was read before
 * it. Only where the two models share names beside the entry and differ there, say in `config.json`, is there no such moment: then
 * the old one is hidden first, and for the time of some renames there is none.
 */
export async function planPlacement(format: WeightsFormat, folders: Folders): Promise<Step[]> {
  const { targetFiles, stagedFiles } = folders;
  const entry = stagedFiles.filter(isEntry);
  const shards = stagedFiles.filter(isShard);
  const others = OTHER_FILES.filter((name) => stagedFiles.includes(name));
  const replaced = replacedWeights(format, targetFiles).filter((name) => !stagedFiles.includes(name));

  const place = (names: readonly string[]): Step[] => names.map((name) => ({ act: "place", name }));
  const remove = replaced.map((name): Step => ({ act: "remove", name }));
  const isReplacing = targetFiles.some(isEntry);
  const clashes = isReplacing && ((await differ(others, folders)) || shards.some((name) => targetFiles.includes(name)));
  if (!clashes) return [...place(others), ...place(shards), ...place(entry), ...remove];
  // Without config.json nothing is loaded but GGUF files, which have it within.
  const [hidden, last] = format === "gguf" ? [entry, entry] : [["config.json"], ["config.json"]];
  const first = [...others, ...shards, ...entry].filter((name) => !last.includes(name));
  return [...hidden.map((name): Step => ({ act: "hide", name })), ...place(first), ...remove, ...place(last)];
}

/** Whether any of the files is another than the one in its place. */
async function differ(names: readonly string[], { folder, staging, targetFiles }: Folders): Promise<boolean> {
  for (const name of names) {
    if (!targetFiles.includes(name)) return true;
    const [before, after] = await Promise.all([folder, staging].map((at) => readFile(join(at, name))));
    if (!before?.equals(after as Buffer)) return true;
  }
  return false;
}

/** Does the steps, or those that are left of them. */
export async function performPlacement(folder: string, staging: string, steps: readonly Step[]): Promise<void> {
  for (const { act, name } of steps) {
    const [from, to] = [join(staging, name), join(folder, name)];
    if (act === "remove" || (act === "hide" && (await exists(from)))) await rm(to, { force: true });
    if (act === "place" && (await exists(from))) await rename(from, to);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
