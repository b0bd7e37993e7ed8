/** `blackmamba cache`: the models from a hub that are kept on this machine. */
import { CacheCheckError, NotCachedError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";

export interface CacheListOptions {
  readonly json?: boolean | undefined;
}

/** `list`: what is there. */
export async function listCache({ json = false }: CacheListOptions, io: Io, library: Library): Promise<void> {
  const models = await (await library.openCache()).list();
  if (json) {
    io.stdout.write(`${JSON.stringify(models)}\n`);
    return;
  }
  if (models.length === 0) {
    io.stderr.write("the cache is empty: a model comes into it when it is loaded by its name on a hub\n");
    return;
  }
  const rows = models.map(({ name, byteLength, partialByteLength, revisions, path }) => [
    name,
    formatBytes(byteLength),
    partialByteLength > 0 ? `${formatBytes(partialByteLength)} begun` : "",
    revisions.map((revision) => (/^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 8) : revision)).join(", "),
    path ?? "",
  ]);
  io.stdout.write(formatTable(rows, ["left", "right", "right", "left", "left"]));
}

/** `verify`: whether every file is what was published. */
export async function verifyCache(names: readonly string[], io: Io, library: Library): Promise<void> {
  const cache = await library.openCache();
  const known = (await cache.list()).map(({ name }) => name);
  const wrong: string[] = [];
  for (const name of names.length > 0 ? names : known) {
    if (!known.includes(name)) throw new NotCachedError(name, known);
    const bar = createProgressBar(io.stderr, `verifying ${name}`);
    try {
      const files = await cache.verify(name, {
        signal: io.signal,
        onProgress: ({ checkedBytes, totalBytes }) => bar.update(checkedBytes, totalBytes),
      });
      bar.stop();
      for (const { path, byteLength, isRight } of files) {
        io.stdout.write(`${isRight ? "right" : "WRONG"}  ${name}/${path}  ${formatBytes(byteLength)}\n`);
      }
      if (files.some(({ isRight }) => !isRight)) wrong.push(name);
    } finally {
      bar.stop();
    }
  }
  if (wrong.length > 0) throw new CacheCheckError(wrong);
}

/** `remove`: deletes models. */
export async function removeFromCache(names: readonly string[], io: Io, library: Library): Promise<void> {
  const cache = await library.openCache();
  const models = await cache.list();
  const known = models.map(({ name }) => name);
  // Before anything is deleted.
  for (const name of names) if (!known.includes(name)) throw new NotCachedError(name, known);
  for (const { name, byteLength, partialByteLength } of models) {
    if (!names.includes(name)) continue;
    await cache.remove(name);
    io.stderr.write(`removed ${name}: ${formatBytes(byteLength + partialByteLength)}\n`);
  }
}
