/**
 * The cache in a browser: folders of the origin private file system, `<model>/blobs/<hash>/` with a file in parts, and
 * `<model>/refs/<revision>` with what the revision is made of.
 */
import { blobSource } from "@blackmamba/checkpoint";
import type { FileHash } from "../download/hash.ts";
import { createHasher } from "../host/hasher.browser.ts";
import { openBrowserPartialFile, partsOf, wholeFile, writeFile } from "./browser-partial-file.ts";
import type { CachedModel, CheckedFile, FileCache, VerifyOptions } from "./file-cache.ts";
import type { HubListing } from "./hub-file.ts";
import { folderNameOf, modelOf } from "./hub-folder-name.ts";

const ROOT = "blackmamba-hub";
const VERIFY_BYTE_LENGTH = 8 * 1024 * 1024;

/**
 * The cache of this origin; `undefined` where the browser keeps no files, as in some private windows, or lets them be written in
 * workers only.
 */
export async function createBrowserCache(root: string = ROOT): Promise<FileCache | undefined> {
  if (!globalThis.FileSystemFileHandle?.prototype.createWritable) return undefined;
  const top = await navigator.storage
    ?.getDirectory?.()
    .then((directory) => directory.getDirectoryHandle(root, { create: true }))
    .catch(() => undefined);
  return top && cacheIn(top);
}

function cacheIn(top: FileSystemDirectoryHandle): FileCache {
  const folderAt = async (path: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle | undefined> => {
    let folder: FileSystemDirectoryHandle | undefined = top;
    for (const name of path) folder = await folder?.getDirectoryHandle(name, { create }).catch(() => undefined);
    return folder;
  };
  const blobsOf = (model: string) => [folderNameOf(model), "blobs"];
  const refsOf = (model: string) => [folderNameOf(model), "refs"];

  return {
    async open({ model, path, hash, byteLength }) {
      const folder = await folderAt([...blobsOf(model), hash.hex], false);
      const blob = folder && (await wholeFile(folder));
      return blob?.size === byteLength ? blobSource(blob, `${model}/${path}`) : undefined;
    },

    async begin({ model, path, hash }, { signal } = {}) {
      const at = [...blobsOf(model), hash.hex];
      // Another tab may be at it; then it is waited for, and what it leaves is gone on with.
      const release = await lock(at.join("/"), signal);
      try {
        const folder = await folderAt(at, true);
        return await openBrowserPartialFile(`${model}/${path}`, folder as FileSystemDirectoryHandle, release);
      } catch (error) {
        release();
        throw error;
      }
    },

    async recall(model, revision) {
      const refs = await folderAt(refsOf(model), false);
      const handle = await refs?.getFileHandle(encodeURIComponent(revision)).catch(() => undefined);
      const text = await (await handle?.getFile())?.text();
      if (!text) return undefined;
      const listing = JSON.parse(text) as HubListing;
      const files = [];
      for (const file of listing.files) if (await this.open(file)) files.push(file);
      return files.length > 0 ? { commit: listing.commit, files } : undefined;
    },

    async remember(model, revision, listing) {
      const refs = (await folderAt(refsOf(model), true)) as FileSystemDirectoryHandle;
      await writeFile(refs, encodeURIComponent(revision), new TextEncoder().encode(JSON.stringify(listing)));
    },

    async list() {
      const found: CachedModel[] = [];
      for await (const folderName of top.keys()) {
        const name = modelOf(folderName);
        if (!name) continue;
        let [byteLength, partialByteLength] = [0, 0];
        for (const { isWhole, parts } of await blobsIn(await folderAt(blobsOf(name), false))) {
          const size = parts.reduce((sum, part) => sum + part.size, 0);
          if (isWhole) byteLength += size;
          else partialByteLength += size;
        }
        const revisions = (await namesIn(await folderAt(refsOf(name), false))).map(decodeURIComponent).sort();
        found.push({ name, revisions, byteLength, partialByteLength });
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    async verify(model, { signal, onProgress }: VerifyOptions = {}) {
      const whole = (await blobsIn(await folderAt(blobsOf(model), false))).filter(({ isWhole }) => isWhole);
      const paths = await pathsByHash(await folderAt(refsOf(model), false));
      const blobs = whole.map(({ hash, parts }) => ({ hash, blob: new Blob(parts) }));
      const totalBytes = blobs.reduce((sum, { blob }) => sum + blob.size, 0);
      let checkedBytes = 0;
      const checked: CheckedFile[] = [];
      for (const { hash, blob } of blobs) {
        const algorithm: FileHash["algorithm"] = hash.length === 64 ? "sha256" : "git-sha1";
        const hasher = createHasher(algorithm, blob.size);
        for (let at = 0; at < blob.size; at += VERIFY_BYTE_LENGTH) {
          signal?.throwIfAborted();
          const bytes = await blob.slice(at, at + VERIFY_BYTE_LENGTH).arrayBuffer();
          hasher.update(new Uint8Array(bytes));
          checkedBytes += bytes.byteLength;
          onProgress?.({ checkedBytes, totalBytes });
        }
        checked.push({ path: paths.get(hash) ?? hash, byteLength: blob.size, isRight: hasher.hex() === hash });
      }
      return checked.sort((a, b) => (a.path < b.path ? -1 : 1));
    },

    async remove(model) {
      return top.removeEntry(folderNameOf(model), { recursive: true }).then(
        () => true,
        () => false,
      );
    },
  };
}

interface CachedBlob {
  readonly hash: string;
  readonly isWhole: boolean;
  readonly parts: File[];
}

async function blobsIn(folder: FileSystemDirectoryHandle | undefined): Promise<CachedBlob[]> {
  const found: CachedBlob[] = [];
  for (const hash of await namesIn(folder)) {
    const at = await (folder as FileSystemDirectoryHandle).getDirectoryHandle(hash);
    found.push({ hash, isWhole: (await wholeFile(at)) !== undefined, parts: await partsOf(at) });
  }
  return found;
}

async function pathsByHash(refs: FileSystemDirectoryHandle | undefined): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const name of await namesIn(refs)) {
    const handle = await (refs as FileSystemDirectoryHandle).getFileHandle(name);
    const { files } = JSON.parse(await (await handle.getFile()).text()) as HubListing;
    for (const { path, hash } of files) paths.set(hash.hex, path);
  }
  return paths;
}

async function namesIn(folder: FileSystemDirectoryHandle | undefined): Promise<string[]> {
  const names: string[] = [];
  if (folder) for await (const name of folder.keys()) names.push(name);
  return names.sort();
}

/** Resolves once nobody else in this origin holds the name; call what it resolves to when done. */
function lock(name: string, signal: AbortSignal | undefined): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = () => new Promise<void>((release) => resolve(release));
    navigator.locks.request(`blackmamba-hub/${name}`, signal ? { signal } : {}, held).catch(reject);
  });
}
