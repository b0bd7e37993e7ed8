/**
 * Files that tests read, the same in Node and in the browser.
 */

/** Bytes of a file below the repository's `fixtures` folder. */
export function readFixture(path: string): Promise<Uint8Array> {
  return readRepositoryFile(`fixtures/${path}`);
}

/** Bytes of a file of the repository, by its path from the root. */
export async function readRepositoryFile(path: string): Promise<Uint8Array> {
  if (typeof window !== "undefined") {
    const response = await fetch(`/${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }
  // Hidden from the bundler, which would look for Node's modules in a browser.
  const fs = "node:fs/promises";
  const { readFile } = (await import(/* @vite-ignore */ fs)) as typeof import("node:fs/promises");
  return new Uint8Array(await readFile(new URL(`../../../${path}`, import.meta.url)));
}

/** A file of the repository as parsed JSON. */
export async function readJsonFixture<T>(path: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await readFixture(path))) as T;
}
