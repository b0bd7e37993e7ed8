/**
 * Places to keep files, the same in Node and in the browser.
 */
import { onTestFinished } from "vitest";

/** An empty folder, deleted after the test; in a browser a name that no other test uses. */
export async function makeCacheFolder(): Promise<string> {
  const name = `blackmamba-test-${crypto.randomUUID()}`;
  if (typeof window !== "undefined") {
    const removed = async () => (await navigator.storage.getDirectory()).removeEntry(name, { recursive: true });
    onTestFinished(() => removed().catch(() => {}));
    return name;
  }
  // Hidden from the bundler, which would look for Node's modules in a browser.
  const [fs, os] = ["node:fs/promises", "node:os"] as const;
  const { mkdir, rm } = (await import(/* @vite-ignore */ fs)) as typeof import("node:fs/promises");
  const { tmpdir } = (await import(/* @vite-ignore */ os)) as typeof import("node:os");
  const folder = `${tmpdir()}/${name}`;
  await mkdir(folder);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
