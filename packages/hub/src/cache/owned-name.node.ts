/**
 * Names of files that a process is at, beside the one that is to become of them: each says whose it is, so that two processes never
 * write to one file, and that what a dead one left is found.
 */
import { randomUUID } from "node:crypto";
import { readlinkSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/**
 * Nobody is at a file to which no byte has come for so long: a download has given up after seven connections that were silent for half
 * a minute each, with a minute between them at most.
 */
const ABANDONED_MS = 10 * 60 * 1000;

/** In place of a process: it ended as it should, and the file is not whole. */
const NOBODY = 0;

/** `<file>.<machine>.<process>.<random>.partial`. */
const OWNED_NAME = /^(?<file>.+)\.(?<machine>[^.]+)\.(?<pid>\d+)\.[0-9a-f-]{36}\.partial$/;

/** Containers of one name count their processes apart. */
const machine = `${hostname().replace(/[^\w-]/g, "_")}-${processSpace()}`;

function processSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "0";
  }
}

/** A file that was left. */
export interface AbandonedFile {
  readonly path: string;
  readonly byteLength: number;
}

/** A new name for a file that this process is at. */
export function ownedName(file: string): string {
  return nameFor(file, process.pid);
}

/** A new name for such a file that may be taken by anybody. */
export function leftName(file: string): string {
  return nameFor(file, NOBODY);
}

function nameFor(file: string, pid: number): string {
  return `${file}.${machine}.${pid}.${randomUUID()}.partial`;
}

/** Whether it is such a name. */
export function isOwnedName(name: string): boolean {
  return OWNED_NAME.test(name);
}

/** Files in the folder that were to become `file` and that nobody is at, the longest first. */
export async function abandonedFiles(folder: string, file: string): Promise<AbandonedFile[]> {
  const found: AbandonedFile[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const { groups } = OWNED_NAME.exec(name) ?? {};
    if (groups?.["file"] !== file) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats && isAbandoned(groups, stats.mtimeMs)) found.push({ path, byteLength: stats.size });
  }
  return found.sort((a, b) => b.byteLength - a.byteLength);
}

function isAbandoned(owner: Readonly<Record<string, string>>, changedMs: number): boolean {
  const pid = Number(owner["pid"]);
  // A clock that was wrong may have dated it to come.
  if (pid === NOBODY || Math.abs(Date.now() - changedMs) > ABANDONED_MS) return true;
  // A process on another machine, or in another container, cannot be asked whether it lives.
  if (owner["machine"] !== machine) return false;
  // In a container that starts again, every process may have the number that it had.
  if (pid === process.pid) return changedMs < Date.now() - process.uptime() * 1000;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // Any other refusal is of a process that lives, and is not ours.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
