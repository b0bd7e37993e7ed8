/**
 * Where a model's files are made before they take their places: a folder within the target, so that a rename is enough. One that a
 * killed process left behind is removed, or, where the files had begun to take their places, finished.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeAll } from "@blackmamba/checkpoint";
import { createFileSink } from "@blackmamba/checkpoint/node";
import { OutputError } from "../errors.ts";
import type { WeightsFormat } from "./model-names.ts";
import { performPlacement, planPlacement, type Step } from "./placement.ts";

/** With the id of the process that it belongs to. */
const NAME = /^\.blackmamba-(\d+)-\w+$/;

/** Holds the steps. Once it is there, the files are going to take their places. */
const STEPS_FILE = "steps.json";

/** Of this process, in use. */
const inUse = new Set<string>();

/** Makes a staging folder in a folder, and returns its path. */
export async function createStaging(folder: string): Promise<string> {
  const path = await mkdtemp(join(folder, `.blackmamba-${process.pid}-`));
  inUse.add(path);
  return path;
}

/** Removes it with all that is in it. */
export async function removeStaging(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  inUse.delete(path);
}

/** Writes a file as a whole. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await writeAll(await createFileSink(path), bytes);
}

/**
 * Has the files of a staging folder take their places in the folder around it, and removes it.
 *
 * @throws OutputError where one cannot; the next conversion into the folder goes on with it
 */
export async function placeStaged(folder: string, staging: string, format: WeightsFormat): Promise<void> {
  const [targetFiles, stagedFiles] = [await readdir(folder), await readdir(staging)];
  const steps = await planPlacement(format, { folder, staging, targetFiles, stagedFiles });
  await writeWhole(join(staging, STEPS_FILE), new TextEncoder().encode(JSON.stringify(steps)));
  try {
    await performPlacement(folder, staging, steps);
  } catch (cause) {
    inUse.delete(staging);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OutputError(
      folder,
      `expected to put the finished files in their places, found that one cannot be (${why}); free it, and run the same again`,
      { cause },
    );
  }
  await removeStaging(staging);
}

/** Removes what killed processes left in a folder, and finishes what they had begun to put in its place. */
export async function recoverStaging(folder: string): Promise<void> {
  const files = await readdir(folder).catch((): string[] => []);
  for (const name of files) {
    const id = NAME.exec(name)?.[1];
    const staging = join(folder, name);
    if (id === undefined || inUse.has(staging) || isOther(Number(id))) continue;
    const steps = await readFile(join(staging, STEPS_FILE), "utf8").catch(() => undefined);
    // It takes its name when it is whole.
    if (steps !== undefined) await performPlacement(folder, staging, JSON.parse(steps) as Step[]);
    await removeStaging(staging);
  }
}

/** Whether it is the id of a process that runs, and is not this one: it may still be writing. */
function isOther(id: number): boolean {
  if (id === process.pid) return false;
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    // Another user's process cannot be signalled, but runs.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
