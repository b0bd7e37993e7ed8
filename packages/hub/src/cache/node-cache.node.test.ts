/** The cache's folders and links. What is fetched into it is in `hub/hub-folder.test.ts`. */
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { HubFile } from "./hub-file.ts";
import { createNodeCache } from "./node-cache.node.ts";

const MODEL = "owner/model";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const OTHER = "f".repeat(40);
const text = "what the file holds";
const hex = createHash("sha256").update(text).digest("hex");
const file: HubFile = {
  model: MODEL,
  commit: COMMIT,
  path: "model.safetensors",
  byteLength: text.length,
  hash: { algorithm: "sha256", hex },
};

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hub-"));
  onTestFinished(() => rm(root, { recursive: true }));
  folder = join(root, "models--owner--model");
  await mkdir(join(folder, "blobs"), { recursive: true });
});

const read = async (source: Awaited<ReturnType<ReturnType<typeof createNodeCache>["open"]>>) => {
  const bytes = await source?.read(0, source.byteLength);
  await source?.close?.();
  return new TextDecoder().decode(bytes);
};

describe("createNodeCache", () => {
  it("notes a revision as Python does: with a folder, and no line end", async () => {
    const cache = createNodeCache(root);
    await cache.remember(MODEL, "refs/pr/1", { commit: COMMIT, files: [] });
    expect(await readFile(join(folder, "refs", "refs", "pr", "1"), "utf8")).toBe(COMMIT);
    expect(await readdir(join(folder, "snapshots"))).toEqual([COMMIT]);
    await cache.remember(MODEL, OTHER, { commit: OTHER, files: [] });
    expect(await readdir(join(folder, "snapshots"))).toEqual([COMMIT]);
  });

  it("links a blob that another revision has", async () => {
    await writeFile(join(folder, "blobs", hex), text);
    const cache = createNodeCache(root);
    expect(await read(await cache.open(file))).toBe(text);
    const link = join(folder, "snapshots", COMMIT, file.path);
    expect(await readlink(link)).toBe(join("..", "..", "blobs", hex));
    const before = await lstat(link);
    expect(await read(await cache.open(file))).toBe(text);
    expect((await lstat(link)).ino).toBe(before.ino);
    expect(await cache.recall(MODEL, COMMIT)).toEqual({ commit: COMMIT, files: [file] });
  });

  it("mends a link to what is no longer there", async () => {
    await writeFile(join(folder, "blobs", hex), text);
    const snapshot = join(folder, "snapshots", COMMIT);
    await mkdir(snapshot, { recursive: true });
    await symlink(join("..", "..", "blobs", "gone"), join(snapshot, file.path));
    expect(await read(await createNodeCache(root).open(file))).toBe(text);
    expect(await readdir(snapshot)).toEqual([file.path]);
  });

  it("reads a blob where no link can be made", async () => {
    await writeFile(join(folder, "blobs", hex), text);
    await writeFile(join(folder, "snapshots"), "in the way");
    expect(await read(await createNodeCache(root).open(file))).toBe(text);
  });

  it("leaves nothing of what it makes where others look, and cleans up after the dead", async () => {
    const workshop = join(folder, "blackmamba-tmp");
    await mkdir(workshop);
    await writeFile(join(workshop, `file.elsewhere.0.${"0".repeat(36)}.partial`), "left");
    const cache = createNodeCache(root);
    await cache.remember(MODEL, "main", { commit: COMMIT, files: [] });
    await cache.remember(MODEL, "main", { commit: OTHER, files: [] });
    expect(await readdir(workshop)).toEqual([]);
    expect(await readdir(join(folder, "refs"))).toEqual(["main"]);
    expect(await readFile(join(folder, "refs", "main"), "utf8")).toBe(OTHER);
  });

  it("counts neither Python's unfinished files nor its locks", async () => {
    await writeFile(join(folder, "blobs", hex), text);
    await writeFile(join(folder, "blobs", `${hex}.incomplete`), "wha");
    await mkdir(join(root, ".locks", "models--owner--model"), { recursive: true });
    const cache = createNodeCache(root);
    expect(await cache.list()).toMatchObject([{ name: MODEL, byteLength: text.length, partialByteLength: 0 }]);
    expect(await cache.verify(MODEL)).toEqual([{ path: hex, byteLength: text.length, isRight: true }]);
  });
});
