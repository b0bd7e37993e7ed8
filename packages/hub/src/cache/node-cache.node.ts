/**
 * The standard hub cache in Node: `blobs/<hash>`, `snapshots/<commit>/<path>` as links to these, and `refs/<revision>` with a commit,
 * as `huggingface_hub` has them.
 */
import { mkdir, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { openFile } from "@blackmamba/checkpoint/node";
import type { FileHash } from "../download/hash.ts";
import { createHasher } from "../host/hasher.node.ts";
import { cacheError } from "./cache-error.node.ts";
import type { CachedModel, CheckedFile, FileCache, VerifyOptions } from "./file-cache.ts";
import type { HubFile, HubListing } from "./hub-file.ts";
import { folderNameOf, modelOf } from "./hub-folder-name.ts";
import { openPartialFile, partialByteLength } from "./node-partial-file.node.ts";
import { isOwnedName } from "./owned-name.node.ts";
import { placeLink, placeText } from "./place-file.node.ts";

/** Fast to hash, and few to hold. */
const VERIFY_BYTE_LENGTH = 8 * 1024 * 1024;

/** The cache in this folder, which need not be there yet. */
export function createNodeCache(root: string): FileCache {
  const folderOf = (model: string) => join(root, folderNameOf(model));
  const blobOf = ({ model, hash }: HubFile) => join(folderOf(model), "blobs", hash.hex);
  const linkOf = ({ model, commit, path }: HubFile) => join(folderOf(model), "snapshots", commit, path);

  return {
    async open(file) {
      const [at, blob] = [linkOf(file), blobOf(file)];
      if ((await byteLengthOf(at)) === file.byteLength) return openFile(at);
      // Another revision may have the same file.
      if ((await byteLengthOf(blob)) !== file.byteLength) return undefined;
      // Where nothing may be written, the blob can be read all the same.
      return placeLink(folderOf(file.model), blob, at).then(
        () => openFile(at),
        () => openFile(blob),
      );
    },

    begin(file) {
      const onFinish = () => placeLink(folderOf(file.model), blobOf(file), linkOf(file));
      return openPartialFile(blobOf(file), { byteLength: file.byteLength, onFinish });
    },

    async recall(model, revision) {
      const folder = folderOf(model);
      const commit = isCommit(revision)
        ? revision
        : await readFile(join(folder, "refs", revision), "utf8").then(
            (text) => text.trim(),
            () => undefined,
          );
      if (commit === undefined || !isCommit(commit)) return undefined;
      const snapshot = join(folder, "snapshots", commit);
      const files: HubFile[] = [];
      for (const path of await filesWithin(snapshot)) {
        const byteLength = await byteLengthOf(join(snapshot, path));
        const hash = hashOfBlob(await realpath(join(snapshot, path)).catch(() => ""));
        if (byteLength !== undefined) files.push({ model, commit, path, byteLength, hash });
      }
      return files.length > 0 ? { commit, files } : undefined;
    },

    async remember(model, revision, { commit }: HubListing) {
      if (isCommit(revision)) return;
      const at = join(folderOf(model), "refs", revision);
      if ((await readFile(at, "utf8").catch(() => "")) === commit) return;
      // Python's tools take a revision without a folder for damage.
      const snapshot = join(folderOf(model), "snapshots", commit);
      await mkdir(snapshot, { recursive: true }).catch((cause) => {
        throw cacheError(snapshot, "created", cause);
      });
      await placeText(folderOf(model), at, commit);
    },

    async list() {
      const found: CachedModel[] = [];
      for (const name of (await readdir(root).catch(() => [])).sort()) {
        const model = modelOf(name);
        if (model) found.push(await describe(model, join(root, name)));
      }
      return found;
    },

    verify: (model, options) => verifyBlobs(folderOf(model), options),

    async remove(model) {
      const folder = folderOf(model);
      if ((await stat(folder).catch(() => undefined)) === undefined) return false;
      await rm(folder, { recursive: true, force: true }).catch((cause) => {
        throw cacheError(folder, "removed", cause);
      });
      return true;
    },
  };
}

async function describe(name: string, path: string): Promise<CachedModel> {
  const blobs = join(path, "blobs");
  let byteLength = 0;
  for (const blob of await readdir(blobs).catch(() => [])) {
    // Python's unfinished files are its own.
    if (!isOwnedName(blob) && !blob.endsWith(".incomplete")) byteLength += (await byteLengthOf(join(blobs, blob))) ?? 0;
  }
  const refs = await filesWithin(join(path, "refs"));
  const commits = await readdir(join(path, "snapshots")).catch(() => []);
  const revisions = [...refs, ...commits].sort();
  return { name, path, revisions, byteLength, partialByteLength: await partialByteLength(blobs) };
}

async function verifyBlobs(folder: string, { signal, onProgress }: VerifyOptions = {}): Promise<CheckedFile[]> {
  const blobs = join(folder, "blobs");
  const names = (await readdir(blobs).catch(() => [])).filter((name) => hashOfBlob(name).hex !== "");
  const paths = await pathsByBlob(folder);
  const sizes = await Promise.all(names.map(async (name) => (await byteLengthOf(join(blobs, name))) ?? 0));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const checked: CheckedFile[] = [];
  let checkedBytes = 0;
  for (const name of names) {
    const source = await openFile(join(blobs, name));
    try {
      const { byteLength } = source;
      const hash = hashOfBlob(name);
      const hasher = createHasher(hash.algorithm, byteLength);
      for (let at = 0; at < byteLength; at += VERIFY_BYTE_LENGTH) {
        hasher.update(await source.read(at, Math.min(VERIFY_BYTE_LENGTH, byteLength - at), { signal }));
        checkedBytes += Math.min(VERIFY_BYTE_LENGTH, byteLength - at);
        onProgress?.({ checkedBytes, totalBytes });
      }
      checked.push({ path: paths.get(name) ?? name, byteLength, isRight: hasher.hex() === hash.hex });
    } finally {
      await source.close?.();
    }
  }
  return checked.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What the revisions call each blob. */
async function pathsByBlob(folder: string): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  const snapshots = join(folder, "snapshots");
  for (const commit of await readdir(snapshots).catch(() => [])) {
    for (const path of await filesWithin(join(snapshots, commit))) {
      const blob = await realpath(join(snapshots, commit, path)).catch(() => "");
      paths.set(blob.slice(blob.lastIndexOf(sep) + 1), path);
    }
  }
  return paths;
}

/** A blob's name is its hash: SHA-256 of a large file, git's of a small one. */
function hashOfBlob(path: string): FileHash {
  const name = path.slice(path.lastIndexOf(sep) + 1);
  if (/^[0-9a-f]{64}$/.test(name)) return { algorithm: "sha256", hex: name };
  return { algorithm: "git-sha1", hex: /^[0-9a-f]{40}$/.test(name) ? name : "" };
}

function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

async function byteLengthOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
}

/** Paths of all files below a folder, with "/" between; none where there is no folder. */
async function filesWithin(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}
